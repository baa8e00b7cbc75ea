import { SovitError } from '../errors.js'
import { sizeTable, type Kernel } from '../gpu/kernel.js'
import { attentionTiles } from '../gpu/kernels/attention.js'
import type { Rows } from '../model/network.js'
import type { Batch, BatchImage } from './batch.js'

/** A buffer that changes with the pictures, by what kernels look up in it. */
export type RunTable =
  /** [V]: planar pictures, one after another */
  | { readonly kind: 'pixels' }
  /** [P, 4]: offset of a patch's first value in the pixels, row stride, plane stride, row of the positions */
  | { readonly kind: 'patches' }
  /** P, and what a kernel wants behind it: a uniform */
  | { readonly kind: 'size'; readonly rows: Rows; readonly sizes?: Kernel['sizes'] }
  /** [T, 4]: see `attentionTiles` */
  | { readonly kind: 'tiles'; readonly rows: Rows; readonly within: 'picture' | 'window' }
  | HeadTable

/** Those that only heads and stretched positions need (graph/head-tables.ts). */
export type HeadTable =
  /** [G, 4]: first row and rows of each group of pictures */
  | { readonly kind: 'groups'; readonly rows: Rows }
  /** [P]: the row that comes to each place when windows lie one after another */
  | { readonly kind: 'order'; readonly rows: Rows }
  /** [P, 4]: row and column of a patch, and its frame's row in `frames` plus one, or 0 */
  | { readonly kind: 'coordinates' }
  /** [most rows or columns, C/2], and [frames, C]: sines and cosines of a coordinate, of a frame */
  | { readonly kind: 'sines' | 'frames'; readonly columns: number }
  /** [P, 2] entries in `axes` of a patch's row and column; their [first tap, taps]; the taps' [index, weight] */
  | { readonly kind: 'places' | 'axes' | 'taps' }

export type TableData = Uint32Array | Float32Array

/** Makes the tables of heads. */
export type HeadTables = (table: HeadTable, batch: Batch) => TableData

export function sameTable(a: RunTable, b: RunTable): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** What a table holds for a batch; of the pixels nothing, as they come by another way. */
export function fillTable(table: RunTable, batch: Batch, queryTile: number, heads: HeadTables | null): TableData {
  switch (table.kind) {
    case 'pixels':
      return new Float32Array()
    case 'patches':
      return patchTable(batch.images, batch.patch)
    case 'size':
      return sizeTable(batch.count(table.rows), table)
    case 'tiles':
      return attentionTiles(segments(table, batch), queryTile)
    default:
      if (!heads) throw new SovitError('SHADER', `The table '${table.kind}' needs what feeds heads.`)
      return heads(table, batch)
  }
}

/** Rows that look at each other: those of a picture, or of a window. */
function segments({ rows, within }: { rows: Rows; within: 'picture' | 'window' }, batch: Batch): readonly number[] {
  if (within === 'window') return Array<number>(batch.count(rows) / 4).fill(4)
  return batch.rows.map((patches) => patches * rows.times)
}

function patchTable(images: readonly BatchImage[], patch: number): Uint32Array {
  const P = images.reduce((sum, { grid }) => sum + grid[0] * grid[1], 0)
  const patches = new Uint32Array(P * 4)
  let row = 0
  let V = 0
  for (const { height, width, grid, positions, data } of images) {
    for (let r = 0; r < grid[0]; r++) {
      for (let c = 0; c < grid[1]; c++, row++) {
        // Positions that are stretched to the grid have a row for each patch of the batch.
        const position = positions instanceof Uint32Array ? positions[r * grid[1] + c] : row
        patches.set([V + (r * width + c) * patch, width, height * width, position ?? 0], row * 4)
      }
    }
    V += data.length
  }
  return patches
}
