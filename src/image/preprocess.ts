import { SovitError } from '../errors.js'
import { MAX_SIDE } from './limits.js'
import { resize } from './resize.js'
import type { PixelValues, PreprocessOptions, RgbImage, Size } from './types.js'

/**
 * The size that a picture of `width`×`height` pixels is resized to, by `options.size` (default 448).
 * For `native`: scale = min(1, limit / longest side), each side = max(p, p·round(side·scale / p)) and at most the limit,
 * halves rounded to even, as Python does.
 *
 * @throws SovitError `BAD_OPTION` for a size, patch or limit that is no positive whole number, `IMAGE_SIZE` for a target
 *   smaller than a patch or larger than 32768 pixels
 */
export function targetSize(width: number, height: number, options: PreprocessOptions = {}): Size {
  const { size = 448, patch = 14, limit = 980 } = options
  checkWhole(patch, 'patch')
  if (size === 'native') {
    checkWhole(limit, 'limit')
    const target = nativeSize(width, height, patch, limit)
    return checkTarget(target, patch)
  }
  const target = typeof size === 'number' ? { width: size, height: size } : { width: size.width, height: size.height }
  checkWhole(target.width, 'size')
  checkWhole(target.height, 'size')
  return checkTarget(target, patch)
}

function nativeSize(width: number, height: number, patch: number, limit: number): Size {
  const scale = Math.min(1, limit / Math.max(width, height))
  const largest = patch * Math.floor(limit / patch)
  const side = (length: number): number =>
    Math.min(largest, Math.max(patch, patch * roundHalfEven((length * scale) / patch)))
  return { width: side(width), height: side(height) }
}

/** Python's `round` for x ≥ 0: 32.5 → 32, 33.5 → 34. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}

function checkWhole(value: number, name: string): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new SovitError('BAD_OPTION', `${name} is ${String(value)}; it must be a positive whole number of pixels.`)
  }
}

function checkTarget(target: Size, patch: number): Size {
  const { width, height } = target
  if (Math.min(width, height) < patch) {
    throw new SovitError(
      'IMAGE_SIZE',
      `The target of ${height}×${width} pixels (height×width) is smaller than one patch of ${patch}×${patch}. ` +
        `Choose sides of at least ${patch}.`,
    )
  }
  if (Math.max(width, height) > MAX_SIDE) {
    throw new SovitError(
      'IMAGE_SIZE',
      `The target of ${height}×${width} pixels (height×width) has a side above ${MAX_SIDE}. Choose a smaller size.`,
    )
  }
  return target
}

/**
 * What a byte becomes: SigLIP's mean and deviation of 0.5, with the roundings of transformers' `SiglipImageProcessorPil`
 * (image_transforms.py, 5.23): `rescale` multiplies by 1/255 in float64 and rounds to float32, `normalize` subtracts and
 * divides in float32. MiniCPM-V's own processor may divide by 255 in float32 instead; for all 256 bytes that gives the
 * same float32 values, which tests/unit/image/preprocess.test.ts checks.
 */
export const NORMALISED = Float32Array.from(
  { length: 256 },
  (_, byte) => Math.fround(Math.fround(byte * (1 / 255)) - 0.5) / 0.5,
)

/**
 * Resizes a picture as Pillow does and normalises it to [-1, 1], planar.
 *
 * @returns `data` is [3, height, width], float32, (byte / 255 − 0.5) / 0.5
 * @throws SovitError `IMAGE_SIZE`, `BAD_IMAGE`, `BAD_OPTION`; see `targetSize` and `resize`
 */
export function preprocess(image: RgbImage, options: PreprocessOptions = {}): PixelValues {
  const { width, height } = targetSize(image.width, image.height, options)
  return normalise(resize(image, width, height, options.resample ?? 'bicubic'))
}

/** Interleaved bytes to planar float32. */
function normalise({ width, height, data: bytes }: RgbImage): PixelValues {
  const plane = width * height
  const data = new Float32Array(3 * plane)
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < plane; i++) {
      data[channel * plane + i] = NORMALISED[bytes[i * 3 + channel] ?? 0] ?? 0
    }
  }
  return { width, height, data }
}
