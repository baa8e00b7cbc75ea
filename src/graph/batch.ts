import { SovitError } from '../errors.js'
import { attentionTiles } from '../gpu/kernels/attention.js'
import type { RunSizes } from '../gpu/kernel.js'

/** One picture ready for the network. */
export interface BatchImage {
  /** [3, height, width], normalised. */
  readonly data: Float32Array
  readonly height: number
  readonly width: number
  /** Patches: [rows, columns]; pixels beyond the last whole patch are not looked at. */
  readonly grid: readonly [number, number]
  /** Row of the position table for each patch, in raster order. */
  readonly positions: Uint32Array
}

/** The tables that tell kernels where in a packed batch each patch and each image lies. */
export interface BatchTables {
  readonly run: RunSizes
  /** Patches of each image. */
  readonly rows: readonly number[]
  /** Where each image's patches lie in it and in the position table: what the tables were made of. */
  readonly layouts: readonly ImageLayout[]
  /** [P, 4]: offset of the patch's first value in the pixel buffer, row stride, plane stride, position row. */
  readonly patches: Uint32Array
  /** [T, 4]: see `attentionTiles`. */
  readonly tiles: Uint32Array
  /** P, and three words of padding. */
  readonly size: Uint32Array
}

type ImageLayout = Omit<BatchImage, 'data'>

/** Whether tables made for one batch serve another. Positions are compared by identity: they are kept for each grid. */
export function sameLayout({ layouts }: BatchTables, images: readonly BatchImage[]): boolean {
  if (layouts.length !== images.length) return false
  return images.every(({ height, width, positions }, i) => {
    const other = layouts[i]
    return other?.height === height && other.width === width && other.positions === positions
  })
}

/** Packs pictures of any sizes one after another: P rows in all, V pixel values, T attention tiles. */
export function packBatch(images: readonly BatchImage[], patch: number, queryTile: number): BatchTables {
  const rows = images.map(({ grid }) => grid[0] * grid[1])
  const P = rows.reduce((sum, count) => sum + count, 0)
  const patches = new Uint32Array(P * 4)
  let row = 0
  let V = 0
  for (const { height, width, grid, positions, data } of images) {
    for (let r = 0; r < grid[0]; r++) {
      for (let c = 0; c < grid[1]; c++) {
        const position = positions[r * grid[1] + c] ?? 0
        patches.set([V + (r * width + c) * patch, width, height * width, position], row * 4)
        row++
      }
    }
    V += data.length
  }
  const tiles = attentionTiles(rows, queryTile)
  const layouts = images.map(({ height, width, grid, positions }) => ({ height, width, grid, positions }))
  return { run: { P, V, T: tiles.length / 4 }, rows, layouts, patches, tiles, size: new Uint32Array([P, 0, 0, 0]) }
}

/** Cuts a list of pictures where a batch would exceed what one binding holds. */
export function* cutBatches(
  images: readonly BatchImage[],
  limits: { readonly rows: number; readonly values: number },
): Generator<BatchImage[]> {
  let batch: BatchImage[] = []
  let rows = 0
  let values = 0
  for (const image of images) {
    const P = image.grid[0] * image.grid[1]
    const V = image.data.length
    if (P > limits.rows || V > limits.values) {
      throw new SovitError(
        'LIMIT',
        `A picture of ${P} patches and ${V} pixel values exceeds this device's ${limits.rows} and ${limits.values}. ` +
          `Use a smaller size.`,
      )
    }
    if (batch.length > 0 && (rows + P > limits.rows || values + V > limits.values)) {
      yield batch
      batch = []
      rows = values = 0
    }
    batch.push(image)
    rows += P
    values += V
  }
  if (batch.length > 0) yield batch
}
