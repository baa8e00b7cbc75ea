import layerNormCode from '../../../shaders/layer_norm.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { requireMultipleOf4, u32 } from './weights.js'

export interface LayerNormSpec {
  /** Columns of a row; a multiple of 4. */
  readonly C: number
  readonly eps: number
  /** Element type of `y`; `x` and the arithmetic are f32. */
  readonly output: 'f32' | 'f16'
}

const ROWS = 4
const LANES = 16
const MAX_GROUPS = 65535 // maxComputeWorkgroupsPerDimension of every device

/**
 * `y[P,C] = (x - mean) / √(var + eps) · weight + bias`, statistics over each row. Binds `x`, `weight`, `bias` (f32),
 * `y`, and `size` (P, 0, 0, 0).
 *
 * @throws SovitError `SHADER` when C is not a multiple of 4.
 */
export function layerNorm({ C, eps, output }: LayerNormSpec): Kernel {
  requireMultipleOf4('layer_norm', { C })
  return {
    name: 'layer_norm',
    variant: '',
    code: specialise(layerNormCode, { consts: { C: u32(C), EPS: String(eps) }, aliases: { Out: output } }),
    constants: {},
    bindings: [
      { name: 'x', access: 'read', type: 'f32', shape: ['P', 'C'] },
      { name: 'weight', access: 'read', type: 'f32', shape: ['C'] },
      { name: 'bias', access: 'read', type: 'f32', shape: ['C'] },
      { name: 'y', access: 'write', type: output, shape: ['P', 'C'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: { C },
    workgroupBytes: ROWS * LANES * 3 * 4,
    invocations: ROWS * LANES,
    workgroups: ({ P = 0 }) => {
      const groups = Math.ceil(P / ROWS)
      const lines = Math.ceil(groups / MAX_GROUPS)
      return [Math.ceil(groups / Math.max(lines, 1)), lines, 1]
    },
    flops: ({ P = 0 }) => 9 * P * C,
    bytes: ({ P = 0 }) => P * C * (3 * 4 + ELEMENT_BYTES[output]),
    accumulators: 8,
  }
}
