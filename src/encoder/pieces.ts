import type { BatchImage } from '../graph/batch.js'
import type { GpuResizer } from '../image/gpu-resize.js'
import { freePixels, toPieces } from '../image/input.js'
import { checkMerged, mergedPatches } from '../model/config.js'
import { resampleOf } from '../model/family.js'
import { patchGrid, type GridTables } from '../model/positions.js'
import type { EncodeInput, EncodeOptions, Encoding, ModelInfo } from './types.js'

/** One piece of a picture, ready for the network. */
export interface PieceImage extends BatchImage {
  readonly source: Encoding['source']
}

/**
 * All pieces of picture `index` of a call, in their order.
 *
 * @throws SovitError as `toPieces`, and `BAD_POSITIONS`; then nothing of the picture is left on the device
 */
export async function preparePieces(
  input: EncodeInput,
  index: number,
  options: EncodeOptions,
  { config, family }: ModelInfo,
  grids: GridTables,
  resizer: GpuResizer | null,
): Promise<PieceImage[]> {
  const { patch, table } = config
  const whole = patch * mergedPatches(config)
  const how = { ...options, resample: options.resample ?? resampleOf(family), patch: whole, limit: table * patch }
  const pieces = await toPieces(input, how, resizer)
  try {
    const sized = pieces.map(({ place, ...pixels }) => ({ place, pixels, grid: patchGrid(pixels, patch) }))
    const longest = Math.max(...sized.map(({ grid }) => grid[0] * grid[1]))
    return sized.map(({ place, pixels, grid }) => {
      checkMerged(grid, config)
      return { ...pixels, grid, positions: grids.positions(grid, longest), source: [index, ...place] }
    })
  } catch (error) {
    pieces.forEach(freePixels)
    throw error
  }
}
