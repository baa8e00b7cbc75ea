import type { Rows } from '../model/network.js'
import { sincosTable, temporalTable } from '../model/sincos.js'
import { windowOrder } from '../model/windows.js'
import type { Batch } from './batch.js'
import type { HeadTable, TableData } from './tables.js'

/** The tables that heads and stretched positions look things up in. A file of its own, as many checkpoints have neither. */
export function headTable(table: HeadTable, batch: Batch): TableData {
  switch (table.kind) {
    case 'groups':
      return groups(table.rows, batch)
    case 'order':
      return order(table.rows, batch)
    case 'coordinates':
      return coordinates(batch)
    case 'sines': {
      const most = Math.max(...batch.images.flatMap(({ grid }) => grid))
      return sincosTable(most, table.columns)
    }
    case 'frames': {
      const known = frames(batch)
      // No buffer may be empty.
      return known.length > 0 ? temporalTable(known, table.columns) : new Float32Array(table.columns)
    }
    case 'places':
      return places(batch)
    case 'axes':
      return axes(batch)
    case 'taps':
      return taps(batch)
  }
}

function groups({ times }: Rows, batch: Batch): Uint32Array {
  let first = 0
  return Uint32Array.from(
    batch.groups.flatMap((patches) => {
      const rows = patches * times
      first += rows
      return [first - rows, rows, 0, 0]
    }),
  )
}

/** Of a value with a row for each `1 / times` patches, which lie in squares. */
function order({ times }: Rows, batch: Batch): Uint32Array {
  const all = new Uint32Array(batch.count({ per: 'patch', times }))
  const side = Math.sqrt(1 / times)
  let first = 0
  for (const { grid } of batch.images) {
    const own = windowOrder([grid[0] / side, grid[1] / side])
    all.set(
      own.map((row) => first + row),
      first,
    )
    first += own.length
  }
  return all
}

/** The distinct frames of a batch, in increasing order. */
function frames({ images }: Batch): number[] {
  return [...new Set(images.flatMap(({ frame }) => frame ?? []))].sort((a, b) => a - b)
}

function coordinates(batch: Batch): Uint32Array {
  const known = frames(batch)
  return concat(
    batch.images.map(({ grid, frame }) => {
      const place = frame === undefined ? 0 : known.indexOf(frame) + 1
      return eachPatch(grid, (row, column) => [row, column, place, 0])
    }),
  )
}

/** Entries of `axes`: of each picture its rows, then its columns. */
function places({ images }: Batch): Uint32Array {
  let entry = 0
  return concat(
    images.map(({ grid }) => {
      const [rows, columns] = [entry, entry + grid[0]]
      entry = columns + grid[1]
      return eachPatch(grid, (row, column) => [rows + row, columns + column])
    }),
  )
}

function axes(batch: Batch): Uint32Array {
  let first = 0
  return Uint32Array.from(
    entries(batch).flatMap(({ length }) => {
      first += length
      return [first - length, length, 0, 0]
    }),
  )
}

function taps(batch: Batch): Uint32Array {
  const all = entries(batch).flat()
  const weights = new Uint32Array(Float32Array.from(all, ({ weight }) => weight).buffer)
  return Uint32Array.from(all.flatMap(({ index }, i) => [index, weights[i] ?? 0]))
}

function entries({ images }: Batch) {
  return images.flatMap(({ positions }) =>
    positions instanceof Uint32Array ? [] : [...positions.rows, ...positions.columns],
  )
}

function eachPatch([rows, columns]: readonly [number, number], of: (row: number, column: number) => number[]) {
  return Array.from({ length: rows * columns }, (_, p) => of(Math.floor(p / columns), p % columns)).flat()
}

function concat(parts: readonly (readonly number[])[]): Uint32Array {
  return Uint32Array.from(parts.flat())
}
