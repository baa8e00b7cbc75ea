import code from '../../../shaders/transpose.wgsl?raw'
import { type Kernel, specialise } from '../kernel.js'
import { spreadOut, u32 } from './weights.js'

export interface TransposeSpec {
  /** B: matrices, one after another. */
  readonly batches: number
  /** R and S, of each matrix of `x`. Any numbers, odd ones too. */
  readonly rows: number
  readonly columns: number
  /** Of an element. */
  readonly bytes: 2 | 4
}

const THREADS = 64

/** `y[B,S,R] = x[B,R,S]` with each matrix transposed, whatever its elements mean. Binds `x` and `y`, in whole words. */
export function transpose({ batches, rows, columns, bytes }: TransposeSpec): Kernel {
  const count = batches * rows * columns
  const type = bytes === 2 ? 'f16' : 'u32'
  const consts = { BATCHES: u32(batches), ROWS: u32(rows), COLUMNS: u32(columns), BYTES: u32(bytes) }
  return {
    name: 'transpose',
    variant: '',
    code: specialise(code, { consts }),
    constants: {},
    bindings: [
      { name: 'x', access: 'read', type, shape: [batches, rows, columns] },
      { name: 'y', access: 'write', type, shape: [batches, columns, rows] },
    ],
    dims: {},
    workgroupBytes: 0,
    invocations: THREADS,
    workgroups: () => spreadOut(Math.ceil((count * bytes) / 4 / THREADS)),
    flops: () => 0,
    bytes: () => 2 * count * bytes,
    accumulators: 0,
  }
}
