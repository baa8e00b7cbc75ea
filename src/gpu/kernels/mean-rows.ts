import code from '../../../shaders/mean_rows.wgsl?raw'
import { type Kernel, specialise } from '../kernel.js'
import { requireMultipleOf4, spreadOut, u32 } from './weights.js'

export interface MeanRowsSpec {
  /** Columns; a multiple of 4. */
  readonly C: number
}

const THREADS = 64

/**
 * `y[w,:]`: the mean of rows 4w .. 4w+3 of `x`, in f32. Binds `x` [4·P,C], `y` [P,C], `size` (P, 0, 0, 0), P the rows
 * of `y`.
 *
 * @throws SovitError `SHADER` when C is not a multiple of 4
 */
export function meanRows({ C }: MeanRowsSpec): Kernel {
  requireMultipleOf4('mean_rows', { C })
  return {
    name: 'mean_rows',
    variant: '',
    code: specialise(code, { consts: { C: u32(C) } }),
    constants: {},
    bindings: [
      { name: 'x', access: 'read', type: 'f32', shape: [4, 'P', 'C'] },
      { name: 'y', access: 'write', type: 'f32', shape: ['P', 'C'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: { C },
    workgroupBytes: 0,
    invocations: THREADS,
    workgroups: ({ P = 0 }) => spreadOut(Math.ceil((P * C) / 4 / THREADS)),
    flops: ({ P = 0 }) => 4 * P * C,
    bytes: ({ P = 0 }) => 5 * P * C * 4,
    accumulators: 4,
  }
}
