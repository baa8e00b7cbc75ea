import { SovitError } from '../errors.js'
import { checkSize } from './limits.js'
import type { RawPixels, RgbImage } from './types.js'

/** RGB or RGBA bytes, told apart by the length of the data. */
export function fromRaw({ width, height, data }: RawPixels | ImageData): RgbImage {
  checkSize(width, height, 'The picture')
  const pixels = width * height
  if (data.length === pixels * 3) {
    return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
  }
  if (data.length !== pixels * 4 || data.BYTES_PER_ELEMENT !== 1) {
    throw new SovitError(
      'BAD_IMAGE',
      `The picture is ${width}×${height} pixels, but its data has ${data.length} values of ${data.BYTES_PER_ELEMENT} ` +
        `bytes. Give ${pixels * 3} bytes (RGB) or ${pixels * 4} (RGBA).`,
    )
  }
  return { width, height, data: withoutAlpha(data) }
}

/** The first three of every four bytes. */
export function withoutAlpha(rgba: ArrayLike<number>): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] ?? 0
    rgb[to + 1] = rgba[from + 1] ?? 0
    rgb[to + 2] = rgba[from + 2] ?? 0
  }
  return rgb
}
