import { SovitError } from '../errors.js'
import type { PixelSource } from '../graph/batch.js'
import { readRgb, withDecoded, type DecodeOptions } from './decode.js'
import type { GpuResizer } from './gpu-resize.js'
import { preprocess, targetSize } from './preprocess.js'
import type { ImageInput, PixelValues, PreprocessOptions, Size } from './types.js'

/** Pixel values of a size, here or on the device. */
export interface AnyPixels extends Size {
  readonly data: Float32Array | PixelSource
}

/** Pixel values of a picture, made by `resizer` if there is one and it takes the picture; or ready ones, checked. */
export async function toPixels(
  input: ImageInput | { readonly pixels: PixelValues },
  options: PreprocessOptions & DecodeOptions,
  resizer: GpuResizer | null,
): Promise<AnyPixels> {
  if (hasPixels(input)) return checkPixels(input.pixels)
  return withDecoded(input, options, async (picture) => {
    const target = targetSize(picture.width, picture.height, options)
    const takes = resizer !== null && !isVideoFrame(input) && (await resizer.takes(picture, target))
    if (!takes) return preprocess(readRgb(picture), options)
    return { ...target, data: await resizer.resize(picture, target, options.resample ?? 'bicubic') }
  })
}

/** JavaScript may pass anything, null among it: what is neither is refused as no picture. */
function hasPixels(input: unknown): input is { readonly pixels: PixelValues } {
  return typeof input === 'object' && input !== null && 'pixels' in input && Boolean(input.pixels)
}

/** A bitmap of a frame may lie on the device in the video's own colour space, and be converted: left to the CPU. */
function isVideoFrame(input: ImageInput): boolean {
  return typeof input === 'object' && 'displayWidth' in input
}

/** Frees what pixel values hold on the device, unless they were written. */
export function freePixels({ data }: Pick<AnyPixels, 'data'>): void {
  if (!ArrayBuffer.isView(data)) data.free()
}

/** Throws `BAD_IMAGE` unless there are 3·height·width finite values. */
export function checkPixels(pixels: PixelValues): PixelValues {
  const { data, width, height } = pixels
  // By its tag: an array of another frame is of another class.
  if (Object.prototype.toString.call(data) !== '[object Float32Array]') {
    throw new SovitError('BAD_IMAGE', `Pixel values must be a Float32Array of 3·height·width numbers.`)
  }
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0
  if (!whole || data.length !== 3 * width * height) {
    throw new SovitError(
      'BAD_IMAGE',
      `Pixel values of 3×${height}×${width} need ${3 * height * width} numbers; there are ${data.length}.`,
    )
  }
  // A loop: with a function a value, 448×448 pixels take ten times as long, 5 ms.
  let bad = 0
  while (bad < data.length && Number.isFinite(data[bad])) bad++
  if (bad < data.length) {
    throw new SovitError(
      'BAD_IMAGE',
      `Pixel value ${bad} is ${data[bad]}; all must be finite (normalised, about −1 to 1).`,
    )
  }
  return pixels
}
