import { SovitError } from '../../errors.js'
import attentionCode from '../../../shaders/attention.wgsl?raw'
import attention4x4 from '../../../shaders/attention_4x4.wgsl?raw'
import attention8x8 from '../../../shaders/attention_8x8.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { requireMultipleOf4, u32 } from './weights.js'

/**
 * How the work is divided, and queries of a workgroup; no variant changes a bit of the result. `query` keeps one query a
 * thread, for devices that run on a CPU. The others are register tiles of 4x4 or 8x8 scores a thread (fewer queries where
 * 256 invocations do not reach); `-staged` keeps queries in workgroup memory too, the others leave them to the cache.
 */
export type AttentionVariant = '4x4-32' | '4x4-32-staged' | '4x4-64' | '8x8-32' | '8x8-64' | 'query-128' | 'query-256'

export interface AttentionSpec {
  /** H */
  readonly heads: number
  /** D: a multiple of 4, at most 256. */
  readonly headSize: number
  /** Element type of `qkv` and `y`; arithmetic is f32 in both. */
  readonly type: 'f32' | 'f16'
  /** Default `4x4-32`, which every device can run. */
  readonly variant?: AttentionVariant
}

const MAX_HEAD_SIZE = 256
const THREADS = 256 // invocations of a workgroup that every device has

interface Shape {
  readonly name: string
  readonly code: string
  readonly consts: Readonly<Record<string, string>>
  readonly queries: number
  readonly threads: number
  readonly workgroupBytes: number
  readonly accumulators: number
}

/** Keys of a block: the order of sums, so the same in all variants; as many as leave room for the rest in 16 KiB. */
function blockKeys(D: number): number {
  return D <= 72 ? 32 : D <= 144 ? 16 : 8
}

/** What the three generated files differ in: scores of a thread are rows x 4·quads, its outputs 8 x `columns` vectors. */
const TILED = {
  '4x4': { name: 'attention_4x4', code: attention4x4, rows: 4, quads: 1, columns: 1 },
  '8x8': { name: 'attention_8x8', code: attention8x8, rows: 8, quads: 2, columns: 5 },
} as const

const TEAM_ROWS = 8

function shapeOf({ headSize, variant = '4x4-32' }: AttentionSpec): Shape {
  switch (variant) {
    case 'query-128':
      return oneQueryAThread(128, headSize)
    case 'query-256':
      return oneQueryAThread(256, headSize)
    case '4x4-32':
      return tiled('4x4', 32, headSize, false)
    case '4x4-32-staged':
      return tiled('4x4', 32, headSize, true)
    case '4x4-64':
      return tiled('4x4', 64, headSize, false)
    case '8x8-32':
      return tiled('8x8', 32, headSize, false)
    case '8x8-64':
      return tiled('8x8', 64, headSize, false)
  }
}

function oneQueryAThread(queries: number, D: number): Shape {
  const keys = blockKeys(D)
  return {
    name: 'attention',
    code: attentionCode,
    consts: { TILE: u32(queries) },
    queries,
    threads: queries,
    workgroupBytes: keys * D * 4,
    accumulators: 2 * D + keys + keys / 4,
  }
}

/** Follows the constants of the generated files. */
function tiled(tile: keyof typeof TILED, wanted: number, D: number, staged: boolean): Shape {
  const { name, code, rows, quads, columns } = TILED[tile]
  const V = D / 4
  const keys = blockKeys(D)
  const parts = keys / 4 / quads
  const team = Math.max((parts * TEAM_ROWS) / rows, Math.ceil(V / columns))
  const teams = Math.min(wanted / TEAM_ROWS, Math.floor(THREADS / team))
  const queries = TEAM_ROWS * teams
  const vectors = (staged ? queries * V : 1) + keys * (V | 1) + (queries * keys) / 4
  return {
    name,
    code,
    consts: { TEAMS: u32(teams), STAGE_QUERIES: String(staged) },
    queries,
    threads: team * teams,
    workgroupBytes: 16 * vectors + 4 * queries * (parts + 2),
    accumulators: rows * quads * 4 + TEAM_ROWS * columns * 4 + rows * quads,
  }
}

/**
 * The variants for a device, best guess first, all of the same bits: what a tuner chooses from. Software devices
 * do best with few loads (`8x8-64`) or loads that all threads share (`query`); on GPUs 4x4 fits any register file.
 */
export function attentionVariants({ software }: { readonly software: boolean }): readonly AttentionVariant[] {
  return software ? ['query-128', 'query-256', '8x8-64', '8x8-32'] : ['4x4-32-staged', '4x4-32', '4x4-64', '8x8-32']
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
export function attention(spec: AttentionSpec): Kernel {
  const { heads: H, headSize: D, type } = spec
  requireMultipleOf4('attention', { D })
  if (D > MAX_HEAD_SIZE) {
    throw new SovitError(
      'SHADER',
      `attention: a head of ${D} exceeds ${MAX_HEAD_SIZE}, what workgroup memory can hold.`,
    )
  }
  const C = H * D
  const shape = shapeOf(spec)
  const consts = { H: u32(H), D: u32(D), KEYS: u32(blockKeys(D)), ...shape.consts }
  return {
    name: shape.name,
    variant: spec.variant ?? '4x4-32',
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
