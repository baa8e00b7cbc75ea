import { withDecoded, type DecodeOptions } from './decode.js'
import { readBitmap } from './read-bitmap.js'
import type { DecodedPicture, ImageInput, RawPixels, RgbImage } from './types.js'

/**
 * Any picture as 8-bit RGB. Alpha is dropped (neither composited nor premultiplied), colour profiles and gamma are
 * ignored, EXIF orientation is applied, 16-bit samples keep their high byte.
 *
 * PNGs are decoded here, the same everywhere and bit-equal to Pillow; other formats by the browser, or by the optional
 * package `sharp` in Node. An ArrayBuffer or Uint8Array is an encoded file. A string is an address; in Node, unless it begins with a
 * scheme, the path of a file.
 *
 * @throws SovitError `BAD_IMAGE`, `IMAGE_SIZE`, `NOT_FOUND`, `ACCESS_DENIED`, `NETWORK`, `MISSING_PACKAGE` (Node without
 *   sharp), `ABORTED`
 */
export async function toRgb(input: ImageInput, options: DecodeOptions = {}): Promise<RgbImage> {
  return withDecoded(input, options, readRgb)
}

/** The bytes of a decoded picture. */
export function readRgb(picture: DecodedPicture): RgbImage {
  return rgbOf('data' in picture ? picture : readBitmap(picture))
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
