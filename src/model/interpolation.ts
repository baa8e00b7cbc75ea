import type { AxisTaps, StretchMode, Tap } from './positions.js'

/**
 * How a position table is resized to a grid, as torch's `F.interpolate(..., align_corners=False)` does it.
 * - `bicubic`: a = -0.75, four taps, of which those beyond the border repeat the border (transformers' SigLIP)
 * - `bicubic-antialias`: a = -0.5, support scaled when shrinking, taps beyond the border left out (timm)
 * - `bilinear-antialias`: the triangle in its place (SigLIP 2 NaFlex)
 *
 * The taps of each of n positions along an axis of `side`, in doubles. Their weights add up to 1. `bicubic` has four for
 * each, and repeats an index at the border; the others have as many as their support covers.
 *
 * torch computes the weights of a float32 table in float32: results differ by that rounding. In its antialiased modes it
 * gives all rows of a grid one column wide the values of the first row (2.13 on a CPU): that is not followed.
 *
 * @returns [n], each in increasing index
 */
export function axisTaps(n: number, side: number, mode: StretchMode): AxisTaps {
  const scale = side / n
  return Array.from({ length: n }, (_, i) => {
    if (mode === 'bicubic') return borderTaps(scale * (i + 0.5) - 0.5, side)
    const filter = mode === 'bicubic-antialias' ? cubic(-0.5) : triangle
    return antialiasTaps(scale * (i + 0.5), side, scale, filter)
  })
}

/** `upsample_bicubic2d` of torch's UpSampleKernel.cpp. */
function borderTaps(source: number, side: number): Tap[] {
  const first = Math.floor(source) - 1
  return [0, 1, 2, 3].map((k) => {
    const index = Math.min(Math.max(first + k, 0), side - 1)
    return { index, weight: borderCubic.at(source - (first + k)) }
  })
}

/** `_upsample_bicubic2d_aa` and `_upsample_bilinear2d_aa`, which follow Pillow; `centre` counts from the table's edge. */
function antialiasTaps(centre: number, side: number, scale: number, { support, at }: Filter): Tap[] {
  const stretch = Math.max(scale, 1)
  const first = Math.max(Math.trunc(centre - support * stretch + 0.5), 0)
  const end = Math.min(Math.trunc(centre + support * stretch + 0.5), side)
  const weights = Array.from({ length: end - first }, (_, k) => at((first + k - centre + 0.5) / stretch))
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((weight, k) => ({ index: first + k, weight: weight / sum }))
}

interface Filter {
  /** Where it ends, in either direction. */
  readonly support: number
  readonly at: (x: number) => number
}

const triangle: Filter = { support: 1, at: (x) => Math.max(1 - Math.abs(x), 0) }

/** R. Keys, Cubic convolution interpolation for digital image processing, 1981, with his a. */
function cubic(a: number): Filter {
  return {
    support: 2,
    at: (x) => {
      const t = Math.abs(x)
      if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1
      return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0
    },
  }
}

const borderCubic = cubic(-0.75)
