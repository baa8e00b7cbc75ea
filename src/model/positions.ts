import { SovitError } from '../errors.js'

/**
 * Which row of the position table each patch takes.
 * - `navit`: row ⌊S·r/rows⌋, column ⌊S·c/columns⌋ of the S×S table, in exact integers (llama.cpp, MiniCPM-V 4.6)
 * - `navit-float32`: the same with the float32 roundings of the released PyTorch code on an x86-64 CPU, which comes out
 *   one lower at some exact multiples (n = 25, 49, 50, 55, …; none for 448 pixels)
 * - `table`: the table as it is, for a grid of its own size
 */
export type PositionMode = 'navit' | 'navit-float32' | 'table'

/** Side of MiniCPM-V's position table: 980 pixels in patches of 14. */
const NAVIT_SIDE = 70

/** The rule that `auto` means for a table of S = `side`: `navit` for tables as large as MiniCPM-V's, else `table`. */
export function resolvePositions(mode: PositionMode | 'auto', side: number): PositionMode {
  if (mode !== 'auto') return mode
  return side === NAVIT_SIDE ? 'navit' : 'table'
}

/**
 * Whole patches of a picture: [rows, columns]. Pixels beyond them are ignored.
 *
 * @throws SovitError `IMAGE_SIZE` when there is none
 */
export function patchGrid(
  { width, height }: { readonly width: number; readonly height: number },
  patch: number,
): readonly [number, number] {
  const grid = [Math.floor(height / patch), Math.floor(width / patch)] as const
  if (grid[0] > 0 && grid[1] > 0) return grid
  throw new SovitError(
    'IMAGE_SIZE',
    `Pixel values of ${height}×${width} hold no whole patch of ${patch}×${patch}. Use a larger size.`,
  )
}

/**
 * Rows of the position table for every patch of a grid.
 *
 * @param grid [rows, columns] of the picture, in patches; either may be above S
 * @param side S: the table has S·S rows
 * @returns [rows·columns], raster order, each below S·S
 * @throws SovitError `BAD_POSITIONS` for `table` when the grid is not S×S, or for a grid or side that is not positive
 */
export function positionIds(grid: readonly [number, number], side: number, mode: PositionMode): Uint32Array {
  const [rows, columns] = grid
  if (![rows, columns, side].every((n) => Number.isInteger(n) && n > 0)) {
    throw new SovitError(
      'BAD_POSITIONS',
      `A grid of ${rows}×${columns} patches on a table of side ${side}: all three must be positive whole numbers.`,
    )
  }
  if (mode === 'table' && (rows !== side || columns !== side)) {
    throw new SovitError(
      'BAD_POSITIONS',
      `The grid has ${rows}×${columns} patches and the position table ${side}×${side}. ` +
        "Resize the picture to the table's grid, or choose positions 'navit', which serves any grid.",
    )
  }
  const bucket = mode === 'navit-float32' ? floatBuckets : integerBuckets
  const rowOf = bucket(rows, side)
  const columnOf = bucket(columns, side)
  return Uint32Array.from({ length: rows * columns }, (_, patch) => {
    const row = rowOf[Math.floor(patch / columns)] ?? 0
    return row * side + (columnOf[patch % columns] ?? 0)
  })
}

/** ⌊S·i/n⌋ for i < n. The identity for n = S, which is what `table` asks for. */
function integerBuckets(n: number, side: number): number[] {
  return Array.from({ length: n }, (_, i) => Math.floor((side * i) / n))
}

/**
 * The released code: `torch.bucketize(arange(0, 1 - 1e-6, 1 / n), arange(1 / S, 1, 1 / S), right=True)`, where n is a
 * tensor, so that 1/n is rounded to float32, while 1/S is a Python double. torch on x86-64 fills a float32 arange in
 * groups of 8: the start of a group and the offset in it are rounded separately.
 */
function floatBuckets(n: number, side: number): number[] {
  const step = Math.fround(1 / n)
  const boundaries = Array.from({ length: side - 1 }, (_, k) => Math.fround(1 / side + k * (1 / side)))
  return Array.from({ length: n }, (_, i) => {
    const group = Math.fround(8 * Math.floor(i / 8) * step)
    const coordinate = Math.fround(group + (i % 8) * step)
    return boundaries.filter((boundary) => boundary <= coordinate).length
  })
}

/** Position rows of the grids seen last: a stream of pictures has one grid, a sliced picture two or three. */
export class GridTables {
  static readonly #MOST = 16
  readonly #side: number
  readonly #mode: PositionMode
  readonly #tables: { readonly grid: readonly [number, number]; readonly ids: Uint32Array }[] = []

  constructor(side: number, mode: PositionMode) {
    this.#side = side
    this.#mode = mode
  }

  /** See `positionIds`. The same grid gives the same array. */
  positions(grid: readonly [number, number]): Uint32Array {
    const known = this.#tables.find((table) => table.grid[0] === grid[0] && table.grid[1] === grid[1])
    if (known) return known.ids
    const ids = positionIds(grid, this.#side, this.#mode)
    this.#tables.unshift({ grid, ids })
    this.#tables.length = Math.min(this.#tables.length, GridTables.#MOST)
    return ids
  }
}
