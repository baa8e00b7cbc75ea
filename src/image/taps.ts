import type { Resample, Size } from './types.js'

/**
 * Pillow's resampling of 8-bit pixels, bit for bit (libImaging/Resample.c): separable, the filter widened by the shrink
 * factor (antialias), weights normalised in doubles and rounded to 22-bit fixed point, two passes with 8 bits between.
 */

// 32 bits less 8 of the pixel and 2 of headroom for the sums of negative lobes (PRECISION_BITS in Resample.c).
export const PRECISION_BITS = 32 - 8 - 2
const ONE = 1 << PRECISION_BITS

interface Filter {
  /** Radius outside which the weight is 0, in pixels of the coarser grid. */
  readonly support: number
  readonly weight: (x: number) => number
}

const FILTERS: Readonly<Record<Resample, Filter>> = {
  bilinear: { support: 1, weight: (x) => (Math.abs(x) < 1 ? 1 - Math.abs(x) : 0) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x), -0.5) },
}

/** Keys' cubic convolution kernel (1981) for x ≥ 0; Pillow takes a = -0.5. */
function cubic(x: number, a: number): number {
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a
  return 0
}

/** How each target position along one axis mixes the source: `count[i]` weights from source position `first[i]` on. */
export interface Taps {
  readonly first: Int32Array
  readonly count: Int32Array
  /** [target, stride] */
  readonly weights: Int32Array
  readonly stride: number
}

/** precompute_coeffs and normalize_coeffs_8bpc of Resample.c, in the same order of operations. */
export function makeTaps(source: number, target: number, resample: Resample): Taps {
  const filter = FILTERS[resample]
  const scale = source / target
  const filterScale = Math.max(scale, 1)
  const support = filter.support * filterScale
  const stride = Math.ceil(support) * 2 + 1
  const first = new Int32Array(target)
  const count = new Int32Array(target)
  const weights = new Int32Array(target * stride)
  const raw = new Float64Array(stride)
  const inverse = 1 / filterScale
  for (let i = 0; i < target; i++) {
    const center = (i + 0.5) * scale
    const begin = Math.max(0, Math.trunc(center - support + 0.5))
    const n = Math.min(source, Math.trunc(center + support + 0.5)) - begin
    let sum = 0
    for (let k = 0; k < n; k++) {
      const w = filter.weight((k + begin - center + 0.5) * inverse)
      raw[k] = w
      sum += w
    }
    for (let k = 0; k < n; k++) {
      const w = (raw[k] ?? 0) / (sum === 0 ? 1 : sum)
      weights[i * stride + k] = Math.trunc(w < 0 ? w * ONE - 0.5 : w * ONE + 0.5)
    }
    first[i] = begin
    count[i] = n
  }
  return { first, count, weights, stride }
}

/**
 * Pillow 13 goes vertically first where that leaves much less for the other pass (until 12: horizontally, always); the
 * order shows in the pixels, because they are rounded in between.
 */
export function isVerticalFirst(from: Size, to: Size): boolean {
  const shorter = from.height - to.height
  return shorter > 0 && shorter > 2 * (from.width - to.width)
}
