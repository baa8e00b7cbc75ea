import { SovitError } from '../errors.js'
import { checkSize } from './limits.js'
import type { Resample, RgbImage, Size } from './types.js'

/**
 * Pillow's resampling of 8-bit pixels, bit for bit (libImaging/Resample.c): separable, the filter widened by the shrink
 * factor (antialias), weights normalised in doubles and rounded to 22-bit fixed point, two passes with 8 bits between.
 */

// 32 bits less 8 of the pixel and 2 of headroom for the sums of negative lobes (PRECISION_BITS in Resample.c).
const PRECISION_BITS = 32 - 8 - 2
const ONE = 1 << PRECISION_BITS
const HALF = 1 << (PRECISION_BITS - 1)

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
 * Resamples a picture to `width`×`height`, bit-equal to `Image.resize` of Pillow 13 in mode RGB. A picture that has the
 * size already is returned as it is.
 *
 * @throws SovitError `IMAGE_SIZE` for a source or target side outside 1..32768, `BAD_IMAGE` when the data is not
 *   width·height·3 bytes
 */
export function resize(image: RgbImage, width: number, height: number, filter: Resample): RgbImage {
  checkImage(image)
  checkSize(width, height, 'The target of the resize')
  const horizontal = (from: RgbImage): RgbImage => (width === from.width ? from : resizeRows(from, width, filter))
  const vertical = (from: RgbImage): RgbImage => (height === from.height ? from : resizeColumns(from, height, filter))
  return isVerticalFirst(image, { width, height }) ? horizontal(vertical(image)) : vertical(horizontal(image))
}

/**
 * Pillow 13 goes vertically first where that leaves much less for the other pass (until 12: horizontally, always); the
 * order shows in the pixels, because they are rounded in between.
 */
export function isVerticalFirst(from: Size, to: Size): boolean {
  const shorter = from.height - to.height
  return shorter > 0 && shorter > 2 * (from.width - to.width)
}

/** Throws unless the sides can be taken and the data has the length that they tell. */
export function checkImage(image: RgbImage): void {
  checkSize(image.width, image.height, 'The picture')
  const expected = image.width * image.height * 3
  if (image.data.length !== expected) {
    throw new SovitError(
      'BAD_IMAGE',
      `The picture is ${image.width}×${image.height} pixels, ${expected} bytes of RGB, but its data has ` +
        `${image.data.length}. Give 3 bytes a pixel without padding between rows.`,
    )
  }
}

/* eslint-disable @typescript-eslint/no-non-null-assertion -- taps stay inside the arrays by construction; a check per
   tap would double the time of these two loops */

/** Horizontal pass: every row from image.width to `width` pixels. */
function resizeRows(image: RgbImage, width: number, filter: Resample): RgbImage {
  const { first, count, weights, stride } = makeTaps(image.width, width, filter)
  const source = image.data
  const data = new Uint8Array(width * image.height * 3)
  const clamped = new Uint8ClampedArray(data.buffer)
  let out = 0
  for (let y = 0; y < image.height; y++) {
    const row = y * image.width * 3
    for (let x = 0; x < width; x++) {
      let at = row + first[x]! * 3
      let r = HALF
      let g = HALF
      let b = HALF
      const begin = x * stride
      const end = begin + count[x]!
      for (let k = begin; k < end; k++) {
        const w = weights[k]!
        r += source[at]! * w
        g += source[at + 1]! * w
        b += source[at + 2]! * w
        at += 3
      }
      clamped[out] = r >> PRECISION_BITS
      clamped[out + 1] = g >> PRECISION_BITS
      clamped[out + 2] = b >> PRECISION_BITS
      out += 3
    }
  }
  return { width, height: image.height, data }
}

/** Vertical pass: every column from image.height to `height` pixels, a whole row of sums at a time. */
function resizeColumns(image: RgbImage, height: number, filter: Resample): RgbImage {
  const { first, count, weights, stride } = makeTaps(image.height, height, filter)
  const source = image.data
  const rowBytes = image.width * 3
  const data = new Uint8Array(rowBytes * height)
  const clamped = new Uint8ClampedArray(data.buffer)
  const sums = new Int32Array(rowBytes)
  for (let y = 0; y < height; y++) {
    sums.fill(HALF)
    for (let k = 0; k < count[y]!; k++) {
      const w = weights[y * stride + k]!
      const row = (first[y]! + k) * rowBytes
      for (let i = 0; i < rowBytes; i++) sums[i] = sums[i]! + source[row + i]! * w
    }
    for (let i = 0; i < rowBytes; i++) clamped[y * rowBytes + i] = sums[i]! >> PRECISION_BITS
  }
  return { width: image.width, height, data }
}
