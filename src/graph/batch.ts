import { SovitError } from '../errors.js'
import type { GridPositions } from '../model/positions.js'
import type { Rows } from '../model/network.js'
import { countRows } from './shapes.js'
import type { Plan } from './plan.js'
import { fillTable, type TableData } from './tables.js'
import { sum } from './sum.js'

/** Pixel values that the device has yet to write: [3, height, width], normalised. */
export interface PixelSource {
  /** Number of values. */
  readonly length: number
  /** Submits the work that writes the values to `pixels`, from value `first` on. To be called once. */
  write(pixels: GPUBuffer, first: number): void
  /** Frees what the values are made of, if they were not written. */
  free(): void
}

/** One picture ready for the network. */
export interface BatchImage {
  /** [3, height, width], normalised. */
  readonly data: Float32Array | PixelSource
  readonly height: number
  readonly width: number
  /** Patches: [rows, columns]; pixels beyond the last whole patch are not looked at. */
  readonly grid: readonly [number, number]
  /** Row of the position table for each patch, in raster order; or how the table is stretched. */
  readonly positions: GridPositions
  /** Of a video (MiniCPM-V 4.5): which frame it is. */
  readonly frame?: number
  /** Whether a resampler looks at it together with the picture before. */
  readonly joins?: boolean
}

type ImageLayout = Omit<BatchImage, 'data'>

/** Pictures of any sizes, packed one after another. */
export interface Batch {
  readonly images: readonly BatchImage[]
  /** p */
  readonly patch: number
  /** Patches of each picture. */
  readonly rows: readonly number[]
  /** Patches of each group of pictures that a resampler looks at together. */
  readonly groups: readonly number[]
  /** Rows of a value in this batch. */
  count(rows: Rows): number
}

/** A batch as kernels see it. */
export interface BatchTables {
  readonly rows: readonly number[]
  readonly groups: readonly number[]
  /** Where each picture's patches lie in it and in the position table: what the tables were made of. */
  readonly layouts: readonly ImageLayout[]
  /** P patches, V pixel values, G groups. */
  readonly run: { readonly P: number; readonly V: number; readonly G: number }
  /** In the order of the plan's. */
  readonly tables: readonly TableData[]
}

/** Whether tables made for one batch serve another. Positions are compared by identity: they are kept for each grid. */
export function sameLayout({ layouts }: BatchTables, images: readonly BatchImage[]): boolean {
  if (layouts.length !== images.length) return false
  return images.every(({ height, width, positions, frame, joins }, i) => {
    const other = layouts[i]
    const same = other?.height === height && other.width === width && other.positions === positions
    return same && other.frame === frame && other.joins === joins
  })
}

/** Packs pictures of any sizes one after another. */
export function packBatch(
  images: readonly BatchImage[],
  patch: number,
  { tables, headTable }: Pick<Plan, 'tables' | 'headTable'>,
  queryTile: number,
): BatchTables {
  const rows = images.map(({ grid }) => grid[0] * grid[1])
  const groups: number[] = []
  images.forEach(({ joins }, i) => {
    const more = rows[i] ?? 0
    if (joins && groups.length > 0) groups.push((groups.pop() ?? 0) + more)
    else groups.push(more)
  })
  const run = { P: sum(rows), V: sum(images.map(({ data }) => data.length)), G: groups.length }
  const count = (of: Rows) => countRows(of, run.P, run.G)
  const batch: Batch = { images, patch, rows, groups, count }
  const layouts = images.map(({ data: _, ...layout }) => layout)
  return { rows, groups, layouts, run, tables: tables.map((table) => fillTable(table, batch, queryTile, headTable)) }
}

/** Cuts a list of pictures where a batch would exceed what one binding holds; those of a group stay together. */
export function* cutBatches<I extends BatchImage>(
  images: readonly I[],
  limits: { readonly rows: number; readonly values: number },
): Generator<I[]> {
  let batch: I[] = []
  let rows = 0
  let values = 0
  for (const group of grouped(images)) {
    const P = sum(group.map(({ grid }) => grid[0] * grid[1]))
    const V = sum(group.map(({ data }) => data.length))
    if (P > limits.rows || V > limits.values) {
      const what = group.length > 1 ? `${group.length} pictures that belong together` : 'A picture'
      throw new SovitError(
        'LIMIT',
        `${what} of ${P} patches and ${V} pixel values exceeds this device's ${limits.rows} and ${limits.values}. ` +
          `Use a smaller size.`,
      )
    }
    if (batch.length > 0 && (rows + P > limits.rows || values + V > limits.values)) {
      yield batch
      batch = []
      rows = values = 0
    }
    batch.push(...group)
    rows += P
    values += V
  }
  if (batch.length > 0) yield batch
}

function grouped<I extends BatchImage>(images: readonly I[]): readonly (readonly I[])[] {
  const groups: I[][] = []
  for (const image of images) {
    const last = groups.at(-1)
    if (image.joins && last) last.push(image)
    else groups.push([image])
  }
  return groups
}
