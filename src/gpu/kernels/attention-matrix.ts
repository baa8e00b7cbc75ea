import { SovitError } from '../../errors.js'
import code from '../../../shaders/attention_matrix.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import type { MatrixShape } from '../types.js'
import type { AttentionSpec } from './attention.js'
import { requireMultipleOf4, u32 } from './weights.js'

/** A way to divide the work. No variant changes a bit of the result. */
export interface AttentionMatrixVariant {
  /** Queries of a workgroup, and its subgroups. */
  readonly variant: string
  readonly subgroups: number
  /** Matrices of M rows that a subgroup owns. */
  readonly tiles: number
}

const MAX_HEAD_SIZE = 128

/**
 * Variants for matrices of M rows; best guess first. More queries share a block of keys, more workgroups keep all cores at
 * work; two matrices a subgroup halve its loads for twice its registers.
 */
export function attentionMatrixVariants({ M, lanes, largest }: MatrixShape): AttentionMatrixVariant[] {
  const divisions: readonly (readonly [subgroups: number, tiles: number])[] =
    M > 8
      ? [
          [4, 1],
          [2, 2],
          [4, 2],
          [8, 1],
          [2, 1],
        ]
      : [
          [4, 2],
          [8, 1],
          [8, 2],
          [4, 1],
          [2, 2],
        ]
  const whole = divisions.filter(([subgroups]) => (subgroups * lanes) % largest === 0)
  return whole.map(([subgroups, tiles]) => {
    return { variant: `matrix-${M * subgroups * tiles}x${subgroups}`, subgroups, tiles }
  })
}

/** Whether sums are f32 (nothing less is exact enough for scores), operands no narrower than what is stored, and heads small. */
export function attentionMatrixFits({ type, headSize }: AttentionSpec, { component, result }: MatrixShape): boolean {
  return headSize <= MAX_HEAD_SIZE && result === 'f32' && (component === 'f32' || type === 'f16')
}

/**
 * `attention` on matrix units, with its buffers and tiles.
 *
 * @throws SovitError `SHADER` when D is no multiple of 4 or above 128, and when the matrices round more than weights.
 */
export function attentionMatrix(
  spec: AttentionSpec,
  matrix: MatrixShape,
  { variant, subgroups, tiles }: AttentionMatrixVariant,
): Kernel {
  const { heads: H, headSize: D, type } = spec
  const { component, result, M, N, K, lanes, demand } = matrix
  const subgroupSize = demand ? lanes : undefined
  requireMultipleOf4('attention_matrix', { D })
  if (D > MAX_HEAD_SIZE) {
    throw new SovitError(
      'SHADER',
      `attention_matrix: a head of ${D} exceeds ${MAX_HEAD_SIZE}, what registers can hold.`,
    )
  }
  if (!attentionMatrixFits(spec, matrix)) {
    throw new SovitError('SHADER', `attention_matrix: ${component}→${result} matrices are too coarse for ${type}.`)
  }
  // Follows the constants of the shader. A block is 16 or 32 keys, so that all of it fits 32 KiB.
  const keys = Math.max(component === 'f16' ? 32 : 16, M, N, K)
  const unit = component === 'f16' ? 2 : 1
  const odd = (vectors: number) => (Math.floor(vectors / unit) | 1) * unit
  const steps = Math.ceil(D / K)
  const columns = Math.ceil((D + 1) / N)
  const width = Math.max(steps * K, columns * N) / 4
  const queries = subgroups * tiles * M
  const matrixVectors = 2 * keys * odd(width) + queries * odd(keys / 4)
  const C = H * D
  const consts = {
    H: u32(H),
    D: u32(D),
    M: u32(M),
    N: u32(N),
    K: u32(K),
    KEYS: u32(keys),
    LANES: u32(lanes),
    SUBGROUPS: u32(subgroups),
    TILES: u32(tiles),
    UNIT: u32(unit),
  }
  return {
    name: 'attention_matrix',
    variant,
    code: specialise(code, { consts, aliases: { Elem: type, In: component }, subgroupSize }),
    constants: {},
    bindings: [
      { name: 'qkv', access: 'read', type, shape: ['P', 3, 'C'] },
      { name: 'tiles', access: 'read', type: 'u32', shape: ['T', 4] },
      { name: 'y', access: 'write', type, shape: ['P', 'C'] },
    ],
    dims: { C },
    // As WebGPU counts them: the flag, too, takes 16.
    workgroupBytes: 4 * ELEMENT_BYTES[component] * matrixVectors + 16 * queries * ((keys / 4) | 1) + 16,
    invocations: lanes * subgroups,
    queryTile: queries,
    workgroups: ({ T = 0 }) => [T, H, 1],
    flops: ({ A = 0 }) => 4 * A * C,
    // Each tile reads the keys and values of its image, and its own queries.
    bytes: ({ P = 0, A = 0 }) => (2 * (A / queries) + 2 * P) * C * ELEMENT_BYTES[type],
    accumulators: (tiles * M * (columns * N + keys)) / lanes,
  }
}
