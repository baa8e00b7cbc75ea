import { SovitError } from '../../errors.js'
import attentionCode from '../../../shaders/attention.wgsl?raw'
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

const TILE = 64
const KEYS = 8
const MAX_HEAD_SIZE = 256 // 8 keys and 8 values in 16 KiB, the workgroup memory that every device has

/** Query rows of one workgroup: what to cut `attentionTiles` by. */
export function queryTile(_spec: AttentionSpec): number {
  return TILE
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
  return {
    name: 'attention',
    variant: '',
    code: specialise(attentionCode, { consts: { H: u32(H), D: u32(D), TILE: u32(TILE) }, aliases: { Elem: type } }),
    constants: {},
    bindings: [
      { name: 'qkv', access: 'read', type, shape: ['P', 3, 'C'] },
      { name: 'tiles', access: 'read', type: 'u32', shape: ['T', 4] },
      { name: 'y', access: 'write', type, shape: ['P', 'C'] },
    ],
    dims: { C },
    workgroupBytes: 2 * KEYS * D * 4,
    invocations: TILE,
    queryTile: TILE,
    workgroups: ({ T = 0 }) => [T, H, 1],
    // As if all rows were one image: an upper bound for packed batches.
    flops: ({ P = 0 }) => 4 * P * P * C,
    bytes: ({ P = 0, T = 0 }) => (2 * T * P + 2 * P) * C * ELEMENT_BYTES[type],
    accumulators: 2 * D + 2 * KEYS,
  }
}
