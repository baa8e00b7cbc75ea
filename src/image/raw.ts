import { SovitError } from '../errors.js'
import { checkSize } from './limits.js'
import type { RawPixels } from './types.js'

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
