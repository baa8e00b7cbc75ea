import code from '../../../shaders/convert.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { spreadOut, weightConst, type WeightType } from './weights.js'

const THREADS = 64
/** Values a thread converts. */
const VALUES = 2

/**
 * `result[first + i] = source[i]`, weights from one form to another. Binds `source` ([E]), `result`, `status` (one word a
 * tensor, set to 1 where a value does not fit f16), `size` (E, first value in result (even), index in status, 0). Behind
 * the values of int8, `source` has the columns of a row, the column of the first value, and the scales from its row on.
 */
export function convert(from: WeightType, to: 'f32' | 'f16'): Kernel {
  return {
    name: 'convert',
    variant: '',
    code: specialise(code, { consts: { FROM: weightConst(from), TO: weightConst(to) } }),
    constants: {},
    bindings: [
      from === 'i8'
        ? { name: 'source', access: 'read', type: 'u32', shape: ['words'] }
        : { name: 'source', access: 'read', type: from, shape: ['E'] },
      { name: 'result', access: 'read_write', type: to, shape: ['targetElements'] },
      { name: 'status', access: 'read_write', type: 'u32', shape: ['tensors'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: {},
    workgroupBytes: 0,
    invocations: THREADS,
    workgroups: ({ E = 0 }) => spreadOut(Math.ceil(E / (THREADS * VALUES))),
    flops: () => 0,
    bytes: ({ E = 0 }) => E * (ELEMENT_BYTES[from] + ELEMENT_BYTES[to]),
    accumulators: 0,
  }
}
