import type { BatchImage } from '../graph/batch.js'
import type { GpuResizer } from '../image/gpu-resize.js'
import { freePixels, hasPixels, toPieces } from '../image/input.js'
import { checkMerged, mergedPatches } from '../model/config.js'
import { resampleOf } from '../model/family.js'
import { patchGrid, type GridTables } from '../model/positions.js'
import { checkSource } from './options.js'
import type { EncodeInput, EncodeOptions, Encoding, ModelInfo } from './types.js'

/** One piece of a picture, ready for the network. */
export interface PieceImage extends BatchImage {
  readonly source: Encoding['source']
}

/** A piece whose positions are not known yet. */
export type Piece = Omit<PieceImage, 'positions'>

/**
 * All pieces of picture `index` of a call, in their order.
 *
 * @throws SovitError as `toPieces`, `IMAGE_SIZE`, and `BAD_OPTION` of a source; then nothing of the picture is left on the device
 */
export async function cutPicture(
  input: EncodeInput,
  index: number,
  options: EncodeOptions,
  { config, family }: ModelInfo,
  resizer: GpuResizer | null,
): Promise<Piece[]> {
  const { patch, table } = config
  const whole = patch * mergedPatches(config)
  const how = { ...options, resample: options.resample ?? resampleOf(family), patch: whole, limit: table * patch }
  const cutBefore = hasPixels(input) ? input.source : undefined
  checkSource(cutBefore)
  const pieces = await toPieces(input, how, resizer)
  try {
    return pieces.map(({ place, ...pixels }) => {
      const grid = patchGrid(pixels, patch)
      checkMerged(grid, config)
      return { ...pixels, grid, source: cutBefore ?? [index, ...place] }
    })
  } catch (error) {
    pieces.forEach(freePixels)
    throw error
  }
}

/** The pieces of a call with their positions, of which one mode counts by the largest piece of a picture. Throws `BAD_POSITIONS`. */
export function withPositions(pieces: readonly Piece[], grids: GridTables): PieceImage[] {
  const longest = new Map<number, number>()
  for (const { grid, source } of pieces) {
    longest.set(source[0], Math.max(longest.get(source[0]) ?? 0, grid[0] * grid[1]))
  }
  return pieces.map((piece) => ({ ...piece, positions: grids.positions(piece.grid, longest.get(piece.source[0])) }))
}
