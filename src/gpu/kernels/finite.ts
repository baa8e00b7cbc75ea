import code from '../../../shaders/finite.wgsl?raw'
import { type Kernel, specialise } from '../kernel.js'
import { spreadOut, weightConst, type WeightType } from './weights.js'

const THREADS = 64
/** Words a thread looks at. */
const WORDS = 256

/**
 * Sets `status[index]` to 2 where a weight is NaN or infinite, which int8 never is. Binds `weights` (words of which some are looked at), `status`
 * (one word a tensor), `size` (E words, first word, index in status, 0).
 */
export function finite(from: Exclude<WeightType, 'i8'>): Kernel {
  return {
    name: 'finite',
    variant: '',
    code: specialise(code, { consts: { FROM: weightConst(from) } }),
    constants: {},
    bindings: [
      { name: 'weights', access: 'read', type: 'u32', shape: ['words'] },
      { name: 'status', access: 'read_write', type: 'u32', shape: ['tensors'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: {},
    workgroupBytes: 0,
    invocations: THREADS,
    workgroups: ({ E = 0 }) => spreadOut(Math.ceil(E / (THREADS * WORDS))),
    flops: () => 0,
    bytes: ({ E = 0 }) => E * 4,
    accumulators: 0,
  }
}
