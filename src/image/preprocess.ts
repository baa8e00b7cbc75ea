import { resize } from './resize.js'
import { readRgb } from './rgb.js'
import { cellsOf, NORMALISED } from './targets.js'
import type { DecodedPicture, Piece, RgbImage, Size, Target } from './types.js'

/** The pieces of a decoded picture, for all targets in their order. Throws as `preprocess` does. */
export function preprocessAll(picture: DecodedPicture, targets: readonly Target[]): Piece<Float32Array>[] {
  const image = readRgb(picture)
  return targets.flatMap((target) => preprocess(image, target))
}

/**
 * Resizes a picture as Pillow does, cuts it and normalises the cells to [-1, 1], planar.
 *
 * @returns the cells, row by row: `data` is float32, (byte / 255 − 0.5) / 0.5
 * @throws SovitError `IMAGE_SIZE`, `BAD_IMAGE`; see `resize`
 */
export function preprocess(image: RgbImage, target: Target): Piece<Float32Array>[] {
  const resized = resize(image, target.width, target.height, target.filter)
  return cellsOf(target).map(({ width, height, row, column, place }) => {
    const first = (row * height * target.width + column * width) * 3
    return { width, height, place, data: normalise(resized, { width, height }, first) }
  })
}

/** Interleaved bytes, from byte `first` on, to planar float32. */
function normalise(image: RgbImage, { width, height }: Size, first: number): Float32Array {
  const plane = width * height
  const data = new Float32Array(3 * plane)
  for (let channel = 0; channel < 3; channel++) {
    let i = channel * plane
    for (let y = 0; y < height; y++) {
      const begin = first + y * image.width * 3 + channel
      for (let x = 0; x < width; x++) data[i++] = NORMALISED[image.data[begin + x * 3] ?? 0] ?? 0
    }
  }
  return data
}
