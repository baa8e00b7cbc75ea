import { SovitError } from '../../errors.js'
import attention4x4 from '../../../shaders/attention_4x4.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { requireMultipleOf4, u32 } from './weights.js'

export interface AttentionSpec {
  /** H */
  readonly heads: number
  /** D: a multiple of 4, at most 256. */
  readonly headSize: number
  /** Element type of `qkv` and `y`; arithmetic is f32 in both. */
  readonly type: 'f32' | 'f16'
}

/** A way to divide the work. No variant changes a bit of the result. */
export interface AttentionVariant {
  readonly variant: string
  /** For heads of D. */
  readonly shape: (D: number) => AttentionShape
}

export interface AttentionShape {
  readonly name: string
  readonly code: string
  readonly consts: Readonly<Record<string, string>>
  /** Queries of a workgroup. */
  readonly queries: number
  readonly threads: number
  readonly workgroupBytes: number
  readonly accumulators: number
}

const MAX_HEAD_SIZE = 256
const THREADS = 256 // invocations of a workgroup that every device has
/** Queries of a team of threads, in all generated files. */
const TEAM_ROWS = 8

/** Keys of a block: the order of sums, so the same in all variants; as many as leave room for the rest in 16 KiB. */
export function blockKeys(D: number): number {
  return D <= 72 ? 32 : D <= 144 ? 16 : 8
}

/** A generated file: scores of a thread are rows x 4·quads, its outputs 8 x `columns` vectors. */
export interface RegisterTile {
  readonly name: string
  readonly code: string
  readonly rows: number
  readonly quads: number
  readonly columns: number
}

/** Register tiles for `wanted` queries, or fewer where 256 invocations do not reach. They read keys where they lie. */
export function registerTiled(tile: RegisterTile, wanted: number): AttentionVariant['shape'] {
  const { name, code, rows, quads, columns } = tile
  // Follows the constants of the generated files.
  return (D) => {
    const keys = blockKeys(D)
    const parts = keys / 4 / quads
    const team = Math.max((parts * TEAM_ROWS) / rows, Math.ceil(D / 4 / columns))
    const teams = Math.min(wanted / TEAM_ROWS, Math.floor(THREADS / team))
    const queries = TEAM_ROWS * teams
    return {
      name,
      code,
      consts: { TEAMS: u32(teams) },
      queries,
      threads: team * teams,
      workgroupBytes: 4 * queries * (keys + parts + 2),
      accumulators: rows * quads * 4 + TEAM_ROWS * columns * 4 + rows * quads,
    }
  }
}

/** The same with keys and values in workgroup memory, and `queries` there too, which else are left to the cache. */
function staged(tile: RegisterTile, wanted: number, queries: boolean): AttentionVariant['shape'] {
  return (D) => {
    const shape = registerTiled(tile, wanted)(D)
    const vectors = (queries ? (shape.queries * D) / 4 : 1) + blockKeys(D) * ((D / 4) | 1)
    return {
      ...shape,
      consts: { ...shape.consts, STAGE_QUERIES: String(queries) },
      workgroupBytes: shape.workgroupBytes + 16 * vectors,
    }
  }
}

const TILE_4X4: RegisterTile = { name: 'attention_4x4', code: attention4x4, rows: 4, quads: 1, columns: 1 }

/** Variants for a GPU, whose register files all hold 4x4 tiles; best guess first. */
export const ATTENTION_VARIANTS: readonly AttentionVariant[] = [
  { variant: '4x4-32-staged', shape: staged(TILE_4X4, 32, true) },
  { variant: '4x4-32', shape: staged(TILE_4X4, 32, false) },
  { variant: '4x4-64', shape: staged(TILE_4X4, 64, false) },
]

/** Throws `SHADER` for heads that no attention kernel takes. */
export function requireHeadSize(kernel: string, D: number): void {
  requireMultipleOf4(kernel, { D })
  if (D <= MAX_HEAD_SIZE) return
  throw new SovitError('SHADER', `${kernel}: a head of ${D} exceeds ${MAX_HEAD_SIZE}, what workgroup memory can hold.`)
}

/**
 * The work list of attention for images packed one after another: [T, 4] of first query row, query rows, first row
 * of the image, rows of the image. No tile crosses an image, so a packed batch is one dispatch.
 */
export function attentionTiles(segments: readonly number[], queryTile: number): Uint32Array {
  const tiles: number[] = []
  let first = 0
  for (const rows of segments) {
    for (let row = 0; row < rows; row += queryTile) {
      tiles.push(first + row, Math.min(queryTile, rows - row), first, rows)
    }
    first += rows
  }
  return Uint32Array.from(tiles)
}

/**
 * `y[P,C] = softmax(q kᵀ / √D) v` for each head and image. Binds `qkv` [P,3C], `tiles` [T,4] and `y` [P,C], C = H·D.
 * Its FLOP follow from `A`, the sum of the squared rows of the run's images.
 *
 * @throws SovitError `SHADER` when D is no multiple of 4 or above 256.
 */
export function attention(
  { heads: H, headSize: D, type }: AttentionSpec,
  { variant, shape: shapeOf }: AttentionVariant,
): Kernel {
  requireHeadSize('attention', D)
  const C = H * D
  const shape = shapeOf(D)
  const consts = { H: u32(H), D: u32(D), KEYS: u32(blockKeys(D)), ...shape.consts }
  return {
    name: shape.name,
    variant,
    code: specialise(shape.code, { consts, aliases: { Elem: type } }),
    constants: {},
    bindings: [
      { name: 'qkv', access: 'read', type, shape: ['P', 3, 'C'] },
      { name: 'tiles', access: 'read', type: 'u32', shape: ['T', 4] },
      { name: 'y', access: 'write', type, shape: ['P', 'C'] },
    ],
    dims: { C },
    workgroupBytes: shape.workgroupBytes,
    invocations: shape.threads,
    queryTile: shape.queries,
    workgroups: ({ T = 0 }) => [T, H, 1],
    flops: ({ A = 0 }) => 4 * A * C,
    // Each tile reads the keys and values of its image: A / tile rows of them, a little more where tiles are not full.
    bytes: ({ P = 0, A = 0 }) => (2 * (A / shape.queries) + 2 * P) * C * ELEMENT_BYTES[type],
    accumulators: shape.accumulators,
  }
}
