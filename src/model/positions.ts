import { SovitError } from '../errors.js'

/**
 * Which row of the position table each patch takes.
 * - `navit`: row ⌊S·r/rows⌋, column ⌊S·c/columns⌋ of the S×S table, in exact integers (llama.cpp, MiniCPM-V 4.6)
 * - `navit-float32`: the same with the float32 roundings of the released PyTorch code on an x86-64 CPU, which comes out
 *   one lower at some exact multiples (n = 25, 49, 50, 55, …; none for 448 pixels)
 * - `table`: the table as it is, for a grid of its own size
 * - `bicubic`: the table stretched to the grid, as transformers does for SigLIP (a = −0.75, no antialiasing)
 * - `bicubic-antialias`: as timm does (a = −0.5)
 * - `bilinear-antialias`: as SigLIP 2 NaFlex does
 * - `row0`: as the released code of MiniCPM-Llama3-V 2.5, which never says the grid: patch k takes column ⌊S·k/P⌋ of row 0
 */
export const POSITION_MODES = [
  'table',
  'navit',
  'navit-float32',
  'bicubic',
  'bicubic-antialias',
  'bilinear-antialias',
  'row0',
] as const

/** How positions are mapped to a picture's grid; the guide's page of pictures describes each. */
export type PositionMode = (typeof POSITION_MODES)[number]

/** A position along one axis of the table, and what it counts. */
export interface Tap {
  readonly index: number
  readonly weight: number
}

/** What each output along one axis takes of the table's rows, or columns. */
export type AxisTaps = readonly (readonly Tap[])[]

/** Positions of a grid: a row of the table for each patch, in raster order, or how the table is stretched. */
export type GridPositions = Uint32Array | { readonly rows: AxisTaps; readonly columns: AxisTaps }

export type StretchMode = 'bicubic' | 'bicubic-antialias' | 'bilinear-antialias'

/** Whether positions are computed from the table, rather than looked up in it. */
export function isStretched(mode: PositionMode): mode is StretchMode {
  return mode === 'bicubic' || mode === 'bicubic-antialias' || mode === 'bilinear-antialias'
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
 * @param longest of `row0`: patches of the largest slice of the picture; default its own
 * @returns [rows·columns], raster order, each below S·S
 * @throws SovitError `BAD_POSITIONS` for `table` when the grid is not S×S, or for a grid or side that is not positive
 */
export function positionIds(
  grid: readonly [number, number],
  side: number,
  mode: Exclude<PositionMode, StretchMode>,
  longest = grid[0] * grid[1],
): Uint32Array {
  const [rows, columns] = grid
  checkGrid(grid, side)
  if (mode === 'table' && (rows !== side || columns !== side)) {
    throw new SovitError(
      'BAD_POSITIONS',
      `The grid has ${rows}×${columns} patches and the position table ${side}×${side}. ` +
        "Resize the picture to the table's grid, or choose positions 'navit', which serves any grid.",
    )
  }
  if (mode === 'row0') return Uint32Array.from(floatBuckets(longest, side).slice(0, rows * columns))
  const bucket = mode === 'navit-float32' ? floatBuckets : integerBuckets
  const rowOf = bucket(rows, side)
  const columnOf = bucket(columns, side)
  return Uint32Array.from({ length: rows * columns }, (_, patch) => {
    const row = rowOf[Math.floor(patch / columns)] ?? 0
    return row * side + (columnOf[patch % columns] ?? 0)
  })
}

function checkGrid([rows, columns]: readonly [number, number], side: number): void {
  if ([rows, columns, side].every((n) => Number.isInteger(n) && n > 0)) return
  throw new SovitError(
    'BAD_POSITIONS',
    `A grid of ${rows}×${columns} patches on a table of side ${side}: all three must be positive whole numbers.`,
  )
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

interface KnownGrid {
  readonly grid: readonly [number, number]
  readonly longest: number
  readonly positions: GridPositions
}

/** Positions of the grids seen last: a stream of pictures has one grid, a sliced picture two or three. */
export class GridTables {
  static readonly #MOST = 16
  readonly #make: (grid: readonly [number, number], longest: number) => GridPositions
  readonly #known: KnownGrid[] = []

  /** Of a table of S = `side`. What stretches tables is a file of its own, which few checkpoints need. */
  static async open(side: number, mode: PositionMode): Promise<GridTables> {
    if (!isStretched(mode)) return new GridTables((grid, longest) => positionIds(grid, side, mode, longest))
    const { axisTaps } = await import('./interpolation.js')
    return new GridTables((grid) => {
      checkGrid(grid, side)
      return { rows: axisTaps(grid[0], side, mode), columns: axisTaps(grid[1], side, mode) }
    })
  }

  private constructor(make: (grid: readonly [number, number], longest: number) => GridPositions) {
    this.#make = make
  }

  /** See `positionIds`. The same grid gives the same object. */
  positions(grid: readonly [number, number], longest = grid[0] * grid[1]): GridPositions {
    const same = (one: KnownGrid) => one.grid[0] === grid[0] && one.grid[1] === grid[1] && one.longest === longest
    const known = this.#known.find(same)
    if (known) return known.positions
    const positions = this.#make(grid, longest)
    this.#known.unshift({ grid, longest, positions })
    this.#known.length = Math.min(this.#known.length, GridTables.#MOST)
    return positions
  }
}
