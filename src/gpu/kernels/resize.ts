import code from '../../../shaders/resize.wgsl?raw'
import { type Kernel, specialise } from '../kernel.js'
import { u32 } from './weights.js'

export interface ResizeSpec {
  /** Bytes of a source pixel: 3, or 4 of which the last is not looked at. */
  readonly sourceBytes: 3 | 4
  /** What is written: pixels of one word, for another pass, or normalised values. */
  readonly result: 'pixels' | 'values'
}

/** Side of a workgroup. */
const SIDE = 8

/**
 * One pass of Pillow's resampling along one axis, to X·Y pixels. Binds `source` (S words), `taps` (T words, [target,
 * 2 + most]: first source position, number of weights, weights), `levels` (what each byte becomes), `result` (R words),
 * `size` (X, Y, source stride in pixels, 1 along the columns, most, first value, 0, 0).
 */
export function resize({ sourceBytes, result }: ResizeSpec): Kernel {
  const consts = { SOURCE_BYTES: u32(sourceBytes), NORMALISE: String(result === 'values') }
  return {
    name: 'resize',
    variant: '',
    code: specialise(code, { consts }),
    constants: {},
    bindings: [
      { name: 'source', access: 'read', type: 'u32', shape: ['S'] },
      { name: 'taps', access: 'read', type: 'u32', shape: ['T'] },
      { name: 'levels', access: 'read', type: 'f32', shape: [256] },
      { name: 'result', access: 'write', type: 'u32', shape: ['R'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [8] },
    ],
    dims: {},
    workgroupBytes: 0,
    invocations: SIDE * SIDE,
    workgroups: ({ X = 0, Y = 0 }) => [Math.ceil(X / SIDE), Math.ceil(Y / SIDE), 1],
    flops: () => 0,
    bytes: ({ X = 0, Y = 0, most = 0 }) => X * Y * (most * (4 + sourceBytes) + (result === 'values' ? 12 : 4)),
    accumulators: 3,
  }
}
