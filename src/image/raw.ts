import { SovitError } from '../errors.js'
import { checkSize } from './limits.js'
import type { RawPixels, RgbImage } from './types.js'

/** Checks a caller's bytes: RGB or RGBA, told apart by the length of the data. */
export function checkRaw({ width, height, data }: RawPixels | ImageData): RawPixels {
  checkSize(width, height, 'The picture')
  const pixels = width * height
  if (data.BYTES_PER_ELEMENT === 1 && (data.length === pixels * 3 || data.length === pixels * 4)) {
    return { width, height, data }
  }
  throw new SovitError(
    'BAD_IMAGE',
    `The picture is ${width}×${height} pixels, but its data has ${data.length} values of ${data.BYTES_PER_ELEMENT} ` +
      `bytes. Give ${pixels * 3} bytes (RGB) or ${pixels * 4} (RGBA).`,
  )
}

/** The picture without its alpha; without a copy, where it has none. */
export function rgbOf({ width, height, data }: RawPixels): RgbImage {
  const rgb = data.length === width * height * 3
  return { width, height, data: rgb ? new Uint8Array(data.buffer, data.byteOffset, data.length) : withoutAlpha(data) }
}

/** The first three of every four bytes. */
function withoutAlpha(rgba: ArrayLike<number>): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] ?? 0
    rgb[to + 1] = rgba[from + 1] ?? 0
    rgb[to + 2] = rgba[from + 2] ?? 0
  }
  return rgb
}
