import { SovitError } from '../errors.js'
import { checkSize } from './limits.js'
import { isVerticalFirst, makeTaps, PRECISION_BITS } from './taps.js'
import type { Resample, RgbImage } from './types.js'

const HALF = 1 << (PRECISION_BITS - 1)

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
