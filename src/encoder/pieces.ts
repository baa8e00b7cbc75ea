import type { BatchImage } from '../graph/batch.js'
import type { GpuResizer } from '../image/gpu-resize.js'
import { freePixels, toPieces } from '../image/input.js'
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
  { config: { patch, table } }: ModelInfo,
  grids: GridTables,
  resizer: GpuResizer | null,
): Promise<PieceImage[]> {
  const pieces = await toPieces(input, { ...options, patch, limit: table * patch }, resizer)
  try {
    return pieces.map(({ place, ...pixels }) => {
      const grid = patchGrid(pixels, patch)
      return { ...pixels, grid, positions: grids.positions(grid), source: [index, ...place] }
    })
  } catch (error) {
    pieces.forEach(freePixels)
    throw error
  }
}
