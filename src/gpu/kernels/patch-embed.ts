import code from '../../../shaders/patch_embed.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import type { MatmulTile } from './matmul.js'
import { requireMultipleOf4, u32, weightConst, type WeightType } from './weights.js'

export interface PatchEmbedSpec {
  /** p: side of a patch. 3p² must be a multiple of 4. */
  readonly patch: number
  /** Width; a multiple of 4. */
  readonly C: number
  /** Side of the position table; null: it has a row for each patch, in their order. */
  readonly S: number | null
  readonly weight: WeightType
  readonly table: WeightType
}

/** Threads of a workgroup in each direction; a thread makes 4×4 outputs. */
const SIDE = 8
const K_STEP = 16

/** The tile of a GPU; `DIRECT_PATCHES` is a rasteriser's. No tile changes a bit of the result. */
const STAGED: MatmulTile = {
  variant: '32x32',
  name: 'patch_embed',
  code,
  consts: { TX: u32(SIDE), TY: u32(SIDE), K_STEP: u32(K_STEP) },
  rows: 4 * SIDE,
  columns: 4 * SIDE,
  threads: SIDE * SIDE,
  workgroupBytes: 8 * SIDE * K_STEP * 4,
}

/**
 * `y[P,C] = im2col(pixels) · weight[C,3p²]ᵀ + bias[C] + table[row(P),C]` in f32. Binds `pixels` ([V], planar pictures
 * one after another), `patches` ([P,4]: first value, row stride, plane stride, table row), `weight`, `bias`, `table`,
 * `y`, `size` (P, 0, 0, 0).
 *
 * @throws SovitError `SHADER` when C or 3p² is not a multiple of 4.
 */
export function patchEmbed({ patch, C, S, weight, table }: PatchEmbedSpec, tile: MatmulTile = STAGED): Kernel {
  const K = 3 * patch * patch
  requireMultipleOf4('patch_embed', { K, C })
  const consts = {
    PATCH: u32(patch),
    K: u32(K),
    N: u32(C),
    WEIGHT: weightConst(weight),
    TABLE: weightConst(table),
    ...tile.consts,
  }
  return {
    name: tile.name,
    variant: tile.variant,
    code: specialise(tile.code, { consts }),
    constants: {},
    bindings: [
      { name: 'pixels', access: 'read', type: 'f32', shape: ['V'] },
      { name: 'patches', access: 'read', type: 'u32', shape: ['P', 4] },
      { name: 'weight', access: 'read', type: weight, shape: ['C', 'K'] },
      { name: 'bias', access: 'read', type: 'f32', shape: ['C'] },
      { name: 'table', access: 'read', type: table, shape: S === null ? ['P', 'C'] : ['S', 'S', 'C'] },
      { name: 'y', access: 'write', type: 'f32', shape: ['P', 'C'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: { K, C, S: S ?? 0 },
    workgroupBytes: tile.workgroupBytes,
    invocations: tile.threads,
    workgroups: ({ P = 0 }) => [Math.ceil(C / tile.columns), Math.ceil(P / tile.rows), 1],
    flops: ({ P = 0 }) => 2 * P * K * C,
    bytes: ({ P = 0 }) => {
      const left = Math.ceil(C / tile.columns) * P * K * 4
      const right = Math.ceil(P / tile.rows) * C * K * ELEMENT_BYTES[weight]
      return left + right + P * C * (4 + ELEMENT_BYTES[table])
    },
    accumulators: (tile.rows * tile.columns) / tile.threads,
  }
}
