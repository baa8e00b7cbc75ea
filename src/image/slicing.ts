import type { Size } from './types.js'

/** A piece has about the pixels of this side's square. */
const SIDE = 448

/** Slices of a picture. */
export interface Grid {
  /** From the top. */
  readonly rows: number
  /** From the left. */
  readonly columns: number
}

/** What a picture is resized to: twice, where it is sliced. */
export interface SliceSizes {
  /** The picture as a whole. */
  readonly overview: Size
  /** The picture that is cut into slices; null where the overview is all. */
  readonly refined: (Size & Grid) | null
}

/**
 * MiniCPM-V's adaptive slicing, 2.x to 4.5 (`slice_image` of the published processors): a picture of more than 448×448
 * pixels is also resized to a grid of slices of about that area, whose form is nearest to the picture's. Doubles throughout,
 * in the order of the published code, since a last bit can decide between grids.
 *
 * @param from in pixels
 * @param patch side of a patch: all sides of pieces are multiples of it
 * @param most slices at most
 */
export function sliceSizes(from: Size, patch: number, most: number): SliceSizes {
  const grid = gridOf(from, most)
  if (!grid) return { overview: pieceSize(from, patch, true), refined: null }
  const { rows, columns } = grid
  const cell = { width: toMultiple(from.width, columns) / columns, height: toMultiple(from.height, rows) / rows }
  const slice = pieceSize(cell, patch, true)
  const refined = { width: slice.width * columns, height: slice.height * rows, ...grid }
  return { overview: pieceSize(from, patch, false), refined }
}

/** Of all grids of about as many slices as the picture has areas of 448×448: the first whose form is nearest. */
function gridOf({ width, height }: Size, most: number): Grid | null {
  const count = Math.min(Math.ceil((width * height) / (SIDE * SIDE)), most)
  if (count <= 1) return null
  const form = Math.log(width / height)
  let best: Grid = { rows: 1, columns: 1 }
  let least = Infinity
  for (const slices of [count - 1, count, count + 1]) {
    if (slices === 1 || slices > most) continue
    for (let columns = 1; columns <= slices; columns++) {
      const rows = slices / columns
      if (!Number.isInteger(rows)) continue
      // As written, the logarithm of the quotient: for a square, 2×3 and 3×2 differ by one bit only in that.
      const error = Math.abs(form - Math.log(columns / rows))
      if (error < least) {
        best = { rows, columns }
        least = error
      }
    }
  }
  return best
}

/** A size of 448×448 pixels in the form of `from`, or `from` itself where it is smaller, in whole patches. */
function pieceSize({ width, height }: Size, patch: number, enlarge: boolean): Size {
  if (enlarge || width * height > SIDE * SIDE) {
    const form = width / height
    height = Math.trunc(SIDE / Math.sqrt(form))
    width = Math.trunc(height * form)
  }
  return { width: toMultiple(width, patch), height: toMultiple(height, patch) }
}

function toMultiple(length: number, of: number): number {
  return Math.max(roundHalfEven(length / of) * of, of)
}

/** Python's `round` for x ≥ 0: 32.5 → 32, 33.5 → 34. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}
