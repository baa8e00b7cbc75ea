import { SovitError } from '../errors.js'

/**
 * Patches of a grid in the order of their 2×2 windows: windows in raster order, and the four patches of each row by row.
 * So the four patches that a merger joins lie next to one another.
 *
 * @param grid [rows, columns] in patches
 * @returns [rows·columns]: for each place in the new order, the patch in raster order
 * @throws SovitError `IMAGE_SIZE` when a side is odd
 */
export function windowOrder(grid: readonly [number, number]): Uint32Array {
  const [rows, columns] = grid
  if (rows % 2 !== 0 || columns % 2 !== 0) {
    throw new SovitError(
      'IMAGE_SIZE',
      `A grid of ${rows}×${columns} patches does not divide into windows of 2×2. ` +
        'Use a size that is an even number of patches on both sides.',
    )
  }
  return Uint32Array.from({ length: rows * columns }, (_, i) => {
    const window = Math.floor(i / 4)
    const row = 2 * Math.floor(window / (columns / 2)) + (i % 4 < 2 ? 0 : 1)
    const column = 2 * (window % (columns / 2)) + (i % 2)
    return row * columns + column
  })
}
