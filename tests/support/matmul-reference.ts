import type { Epilogue } from '../../src/gpu/kernels/matmul.js'
import type { MatmulCase } from '../gpu/kernels/cases.js'
import { decode, encode, erf, normals } from './numbers.js'

export type MatmulInputs = Readonly<Record<'x' | 'bias' | 'residual', Float32Array | Uint16Array>> & {
  readonly weight: Float32Array | Uint16Array | Int8Array
  readonly size: Uint32Array
}

/** Inputs of a case, the same each time. */
export function matmulInputs({ P, K, N, weight, input, epilogue }: MatmulCase): MatmulInputs {
  return {
    x: encode(normals(P * K, 1), input),
    weight: weight === 'i8' ? codes(N * K) : encode(normals(N * K, 2, K ** -0.5), weight),
    bias: encode([...normals(N, 3), ...(weight === 'i8' ? scales(N, K) : [])], 'f32'),
    residual: encode(normals(epilogue === 'residual' ? P * N : N, 4), 'f32'),
    size: Uint32Array.of(P, 0, 0, 0),
  }
}

/** Of all sizes that int8 has. */
const codes = (count: number) => Int8Array.from(normals(count, 2, 50), (v) => Math.max(-128, Math.min(127, v)))
const scales = (N: number, K: number) => Array.from({ length: N }, (_, n) => (0.5 + (n % 7) / 7) * 0.02 * K ** -0.5)

export const ACTIVATIONS: Readonly<Record<Epilogue, (v: number) => number>> = {
  bias: (v: number) => v,
  residual: (v: number) => v,
  gelu_tanh: (v: number) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  gelu_erf: (v: number) => 0.5 * v * (1 + erf(v * Math.SQRT1_2)),
}

/** The formula in f64, on the numbers that the formats can hold. */
export function matmulReference({ P, K, N, weight, input, epilogue }: MatmulCase, inputs: MatmulInputs): Float64Array {
  const x = decode(inputs.x, input)
  const w = weight === 'i8' ? inputs.weight : decode(inputs.weight, weight)
  const bias = decode(inputs.bias, 'f32')
  const residual = decode(inputs.residual, 'f32')
  const y = new Float64Array(P * N)
  for (let p = 0; p < P; p++) {
    for (let n = 0; n < N; n++) {
      let sum = 0
      for (let k = 0; k < K; k++) sum += (x[p * K + k] ?? NaN) * (w[n * K + k] ?? NaN)
      if (weight === 'i8') sum *= bias[N + n] ?? NaN
      const out = ACTIVATIONS[epilogue](sum + (bias[n] ?? NaN))
      y[p * N + n] = epilogue === 'residual' ? out + (residual[p * N + n] ?? NaN) : out
    }
  }
  return y
}
