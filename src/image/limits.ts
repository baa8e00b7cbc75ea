import { SovitError } from '../errors.js'

/** Longest side of a picture that is taken in, in pixels. */
export const MAX_SIDE = 32768
/** Most pixels of a picture that is taken in: 805 MB as RGB. */
export const MAX_PIXELS = 2 ** 28

/**
 * Throws `IMAGE_SIZE` unless both sides are whole numbers in 1..32768 and the picture has at most 2^28 pixels.
 * Called with sizes that a file's header claims, before anything is allocated for them.
 *
 * @param what names the picture in the message
 */
export function checkSize(width: number, height: number, what: string): void {
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < 1 || side > MAX_SIDE) {
      throw new SovitError(
        'IMAGE_SIZE',
        `${what} is ${width}×${height} pixels (width×height); each side must be a whole number from 1 to ${MAX_SIDE}. ` +
          'Scale or crop it first.',
      )
    }
  }
  if (width * height > MAX_PIXELS) {
    throw new SovitError(
      'IMAGE_SIZE',
      `${what} is ${width}×${height} = ${width * height} pixels; at most ${MAX_PIXELS} are taken. Scale it down first.`,
    )
  }
}
