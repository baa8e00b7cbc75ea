import code from '../../../../shaders/matmul_naive.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../../kernel.js'
import type { MatmulSpec } from '../matmul.js'
import { u32, weightConst } from '../weights.js'

/** The oracle of `matmul`. It always binds `residual`, which is zeros for other epilogues. Imported by tests only. */
export function matmulNaive({ K, N, weight, input, output, epilogue }: MatmulSpec): Kernel {
  const activation = epilogue === 'residual' ? 'BIAS' : epilogue.toUpperCase()
  return {
    name: 'matmul_naive',
    variant: '',
    code: specialise(code, {
      consts: { K: u32(K), N: u32(N), WEIGHT: weightConst(weight), EPILOGUE: activation },
      aliases: { In: input, Out: output },
    }),
    constants: {},
    bindings: [
      { name: 'x', access: 'read', type: input, shape: ['P', 'K'] },
      { name: 'weight', access: 'read', type: weight, shape: ['N', 'K'] },
      { name: 'bias', access: 'read', type: 'f32', shape: weight === 'i8' ? [2, 'N'] : ['N'] },
      { name: 'residual', access: 'read', type: 'f32', shape: ['P', 'N'] },
      { name: 'y', access: 'write', type: output, shape: ['P', 'N'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: { K, N },
    workgroupBytes: 0,
    invocations: 64,
    workgroups: ({ P = 0 }) => [Math.ceil(N / 8), Math.ceil(P / 8), 1],
    flops: ({ P = 0 }) => 2 * P * K * N,
    bytes: ({ P = 0 }) => P * N * K * (ELEMENT_BYTES[input] + ELEMENT_BYTES[weight]),
    accumulators: 1,
  }
}
