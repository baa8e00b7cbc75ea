import manyCode from '../../../shaders/cross_attention.wgsl?raw'
import fewCode from '../../../shaders/pool_attention.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { blockKeys, requireHeadSize, type AttentionShape } from './attention.js'
import { u32 } from './weights.js'

export interface CrossAttentionSpec {
  /** H */
  readonly heads: number
  /** D: a multiple of 4, at most 256. */
  readonly headSize: number
  /** Q: learned queries, the same for all groups. */
  readonly queries: number
  /** Element type of `q`, `k`, `v` and `y`; arithmetic is f32 in both. */
  readonly type: 'f32' | 'f16'
}

/** Up to as many queries, a workgroup takes one, and its threads the keys. */
const FEW = 4
const TEAMS = 4
const TEAM_QUERIES = 4
const POOL_THREADS = 256 // invocations of a workgroup that every device has

/**
 * `y[B,Q,C] = softmax(q kᵀ / √D) v` for each head, and for each group of key rows: a picture's, or several frames'.
 * Binds `q` [Q,C], `k` and `v` [P,C], `groups` [B,4] (first key row, key rows, 0, 0), `y`; C = H·D. Every group has a row.
 * B is at most 65535. Its FLOP are those of groups that share no row.
 *
 * @throws SovitError `SHADER` when D is no multiple of 4 or above 256
 */
export function crossAttention({ heads: H, headSize: D, queries: Q, type }: CrossAttentionSpec): Kernel {
  requireHeadSize('cross_attention', D)
  const C = H * D
  const { name, code, consts, queries, threads, ...shape } = Q <= FEW ? fewQueries(D) : manyQueries(D)
  const tiles = Math.ceil(Q / queries)
  return {
    name,
    variant: '',
    code: specialise(code, { consts: { H: u32(H), D: u32(D), Q: u32(Q), ...consts }, aliases: { Elem: type } }),
    constants: {},
    bindings: [
      { name: 'q', access: 'read', type, shape: ['Q', 'C'] },
      { name: 'k', access: 'read', type, shape: ['P', 'C'] },
      { name: 'v', access: 'read', type, shape: ['P', 'C'] },
      { name: 'groups', access: 'read', type: 'u32', shape: ['B', 4] },
      { name: 'y', access: 'write', type, shape: ['B', 'Q', 'C'] },
    ],
    dims: { Q, C },
    invocations: threads,
    ...shape,
    workgroups: ({ B = 0 }) => [B, H, tiles],
    flops: ({ P = 0 }) => 4 * P * Q * C,
    bytes: ({ P = 0, B = 0 }) => (2 * P * tiles + 2 * B * Q) * C * ELEMENT_BYTES[type],
  }
}

function manyQueries(D: number): AttentionShape {
  const keys = blockKeys(D)
  const queries = TEAMS * TEAM_QUERIES
  return {
    name: 'cross_attention',
    code: manyCode,
    consts: { KEYS: u32(keys), TEAMS: u32(TEAMS) },
    queries,
    threads: (TEAMS * D) / 4,
    workgroupBytes: keys * D * 4 + 2 * queries * keys * 4,
    accumulators: TEAM_QUERIES * 4,
  }
}

function fewQueries(D: number): AttentionShape {
  const V = D / 4
  const parts = Math.floor(POOL_THREADS / V)
  return {
    name: 'pool_attention',
    code: fewCode,
    consts: { THREADS: u32(POOL_THREADS) },
    queries: 1,
    threads: POOL_THREADS,
    workgroupBytes: 16 * (V + parts * V) + 2 * POOL_THREADS * 4,
    accumulators: 4,
  }
}
