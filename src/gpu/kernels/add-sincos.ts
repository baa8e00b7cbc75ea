import code from '../../../shaders/add_sincos.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { requireMultipleOf4, spreadOut, u32 } from './weights.js'

export interface AddSincosSpec {
  /** Width; a multiple of 8. */
  readonly C: number
  /** Element type of `x` and `y`; positions and arithmetic are f32. */
  readonly type: 'f32' | 'f16'
}

const THREADS = 64

/**
 * `y[P,C] = x[P,C]` plus the sines and cosines of each patch's place, and of its frame. Binds `x`, `table` [E,C/2]
 * (`sincosTable`: half a row for each coordinate), `temporal` [F,C] (`temporalTable`; one row at least), `coordinates`
 * [P,4] (row, column, row of `temporal` + 1 or 0 for none, 0), `y`, `size` (P, 0, 0, 0).
 *
 * @throws SovitError `SHADER` when C/2 is not a multiple of 4
 */
export function addSincos({ C, type }: AddSincosSpec): Kernel {
  requireMultipleOf4('add_sincos', { 'C/2': C / 2 })
  return {
    name: 'add_sincos',
    variant: '',
    code: specialise(code, { consts: { C: u32(C) }, aliases: { Elem: type } }),
    constants: {},
    bindings: [
      { name: 'x', access: 'read', type, shape: ['P', 'C'] },
      { name: 'table', access: 'read', type: 'f32', shape: ['E', 'C/2'] },
      { name: 'temporal', access: 'read', type: 'f32', shape: ['F', 'C'] },
      { name: 'coordinates', access: 'read', type: 'u32', shape: ['P', 4] },
      { name: 'y', access: 'write', type, shape: ['P', 'C'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: { C, 'C/2': C / 2 },
    workgroupBytes: 0,
    invocations: THREADS,
    workgroups: ({ P = 0 }) => spreadOut(Math.ceil((P * C) / 4 / THREADS)),
    flops: ({ P = 0 }) => 2 * P * C,
    bytes: ({ P = 0 }) => P * C * (2 * ELEMENT_BYTES[type] + 2 * 4),
    accumulators: 4,
  }
}
