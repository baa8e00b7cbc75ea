import { MAX_SIDE } from './limits.js'
import type { Piece, PreprocessOptions, Size, Target } from './types.js'

/**
 * What a picture of a size is resized to, and how it is cut, by `options.size` (default 448): its pieces in their order are
 * the cells of the targets, each row by row.
 *
 * @throws SovitError `BAD_OPTION` for a size, patch, limit or number of slices that is no positive whole number,
 *   `IMAGE_SIZE` for a target smaller than a patch or larger than 32768 pixels
 */
export async function targetsOf(from: Size, options: PreprocessOptions = {}): Promise<readonly Target[]> {
  const { size = 448, patch = 14, resample: filter = 'bicubic' } = options
  if (typeof size === 'number' && Number.isInteger(size) && patch > 0 && size >= patch && size <= MAX_SIDE) {
    return [{ width: size, height: size, filter, rows: 1, columns: 1 }]
  }
  // Of a file of its own, as many pages only squash.
  return (await import('./fit.js')).fit(from, options)
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

interface Cell extends Size {
  readonly row: number
  readonly column: number
  readonly place: Piece<unknown>['place']
}

/** The cells of a target, row by row. */
export function cellsOf({ width, height, rows, columns }: Target): Cell[] {
  return Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    const place = rows * columns === 1 ? ([-1, -1] as const) : ([row, column] as const)
    return { width: width / columns, height: height / rows, row, column, place }
  })
}
