import { SovitError } from '../errors.js'
import { toRgb, type DecodeOptions } from './decode.js'
import { preprocess } from './preprocess.js'
import type { ImageInput, PixelValues, PreprocessOptions } from './types.js'

/** Pixel values of a picture, or ready ones as they are, checked. */
export async function toPixels(
  input: ImageInput | { readonly pixels: PixelValues },
  options: PreprocessOptions & DecodeOptions,
): Promise<PixelValues> {
  if (typeof input === 'object' && 'pixels' in input) return checkPixels(input.pixels)
  return preprocess(await toRgb(input, options), options)
}

function checkPixels(pixels: PixelValues): PixelValues {
  const { data, width, height } = pixels
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0
  if (!whole || data.length !== 3 * width * height) {
    throw new SovitError(
      'BAD_IMAGE',
      `Pixel values of 3×${height}×${width} need ${3 * height * width} numbers; there are ${data.length}.`,
    )
  }
  const bad = data.findIndex((value) => !Number.isFinite(value))
  if (bad >= 0) {
    throw new SovitError(
      'BAD_IMAGE',
      `Pixel value ${bad} is ${data[bad]}; all must be finite (normalised, about −1 to 1).`,
    )
  }
  return pixels
}
