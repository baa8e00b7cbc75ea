import type { Epilogue } from '../../src/gpu/kernels/matmul.js'
import type { MatmulCase } from '../gpu/kernels/cases.js'
import { decode, encode, erf, normals } from './numbers.js'

export type MatmulInputs = Readonly<Record<'x' | 'weight' | 'bias' | 'residual', Float32Array | Uint16Array>> & {
  readonly size: Uint32Array
}

/** Inputs of a case, the same each time. */
export function matmulInputs({ P, K, N, weight, input, epilogue }: MatmulCase): MatmulInputs {
  return {
    x: encode(normals(P * K, 1), input),
    weight: encode(normals(N * K, 2, K ** -0.5), weight),
    bias: encode(normals(N, 3), 'f32'),
    residual: encode(normals(epilogue === 'residual' ? P * N : N, 4), 'f32'),
    size: Uint32Array.of(P, 0, 0, 0),
  }
}

export const ACTIVATIONS: Readonly<Record<Epilogue, (v: number) => number>> = {
  bias: (v: number) => v,
  residual: (v: number) => v,
  gelu_tanh: (v: number) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  gelu_erf: (v: number) => 0.5 * v * (1 + erf(v * Math.SQRT1_2)),
}

/** The formula in f64, on the numbers that the formats can hold. */
export function matmulReference({ P, K, N, weight, input, epilogue }: MatmulCase, inputs: MatmulInputs): Float64Array {
  const x = decode(inputs.x, input)
  const w = decode(inputs.weight, weight)
  const bias = decode(inputs.bias, 'f32')
  const residual = decode(inputs.residual, 'f32')
  const y = new Float64Array(P * N)
  for (let p = 0; p < P; p++) {
    for (let n = 0; n < N; n++) {
      let sum = 0
      for (let k = 0; k < K; k++) sum += (x[p * K + k] ?? NaN) * (w[n * K + k] ?? NaN)
      const out = ACTIVATIONS[epilogue](sum + (bias[n] ?? NaN))
      y[p * N + n] = epilogue === 'residual' ? out + (residual[p * N + n] ?? NaN) : out
    }
  }
  return y
}
