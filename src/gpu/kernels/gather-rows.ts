import code from '../../../shaders/gather_rows.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { requireMultipleOf4, spreadOut, u32 } from './weights.js'

export interface GatherRowsSpec {
  /** Columns; a multiple of 4. */
  readonly C: number
  /** Element type of `x` and `y`, whose bits are moved. */
  readonly type: 'f32' | 'f16'
}

const THREADS = 64

/**
 * `y[p,:] = x[order[p],:]`. Binds `x` [P,C], `order` [P], `y` [P,C], `size` (P, 0, 0, 0).
 *
 * @throws SovitError `SHADER` when C is not a multiple of 4
 */
export function gatherRows({ C, type }: GatherRowsSpec): Kernel {
  requireMultipleOf4('gather_rows', { C })
  return {
    name: 'gather_rows',
    variant: '',
    code: specialise(code, { consts: { C: u32(C) }, aliases: { Four: type === 'f32' ? 'vec4u' : 'vec2u' } }),
    constants: {},
    bindings: [
      { name: 'x', access: 'read', type, shape: ['P', 'C'] },
      { name: 'order', access: 'read', type: 'u32', shape: ['P'] },
      { name: 'y', access: 'write', type, shape: ['P', 'C'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: { C },
    workgroupBytes: 0,
    invocations: THREADS,
    workgroups: ({ P = 0 }) => spreadOut(Math.ceil((P * C) / 4 / THREADS)),
    flops: () => 0,
    bytes: ({ P = 0 }) => 2 * P * C * ELEMENT_BYTES[type],
    accumulators: 0,
  }
}
