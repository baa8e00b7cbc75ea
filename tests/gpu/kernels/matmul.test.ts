import { beforeAll, describe, expect, it } from 'vitest'
import { defaultTile, matmul, type MatmulSpec, type MatmulTile } from '../../../src/gpu/kernels/matmul.js'
import { matmulNaive } from '../../../src/gpu/kernels/naive/matmul.js'
import { testDevice } from '../../support/device.js'
import { bf16ToNumber, compare, decode, encode, erf, f16ToNumber, normals } from '../../support/numbers.js'
import { type KernelInputs, runKernel } from '../../support/run-kernel.js'
import { MATMUL_CASES, MATMUL_TILES, type MatmulCase } from './cases.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

const title = ({ P, K, N, weight, input, output, epilogue }: MatmulCase) =>
  `[${P},${K}]·[${N},${K}]ᵀ ${weight} ${input}→${output} ${epilogue}`

function inputsOf({ P, K, N, weight, input }: MatmulCase) {
  return {
    x: encode(normals(P * K, 1), input),
    weight: encode(normals(N * K, 2, K ** -0.5), weight),
    bias: encode(normals(N, 3), 'f32'),
    residual: encode(normals(P * N, 4), 'f32'),
    size: Uint32Array.of(P, 0, 0, 0),
  }
}

const ACTIVATIONS = {
  bias: (v: number) => v,
  residual: (v: number) => v,
  gelu_tanh: (v: number) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  gelu_erf: (v: number) => 0.5 * v * (1 + erf(v * Math.SQRT1_2)),
}

/** The formula in f64, on the numbers that the formats can hold. */
function reference({ P, K, N, weight, input, epilogue }: MatmulCase, inputs: ReturnType<typeof inputsOf>): Float64Array {
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

async function words(spec: MatmulSpec, inputs: KernelInputs, P: number): Promise<Uint32Array> {
  const { y } = await runKernel(device, matmul(spec), inputs, { P })
  if (!y) throw new Error('matmul has no output y')
  return y
}

describe('matmul', () => {
  it.each(MATMUL_CASES.map((c) => [title(c), c] as const))('%s', async (_title, c) => {
    if ((c.input === 'f16' || c.output === 'f16') && !device.features.has('shader-f16')) return
    const inputs = inputsOf(c)
    const expected = reference(c, inputs)
    const naiveInputs = c.epilogue === 'residual' ? inputs : { ...inputs, residual: new Float32Array(c.P * c.N) }
    const naive = await runKernel(device, matmulNaive(c), naiveInputs, { P: c.P })
    const outputs = await Promise.all(MATMUL_TILES.map((tile) => words({ ...c, tile }, inputs, c.P)))
    for (const [i, output] of outputs.entries()) {
      expect(output, `${MATMUL_TILES[i]} against ${MATMUL_TILES[0]}, bit for bit`).toEqual(outputs[0])
    }
    const errors = compare(decode(outputs[0] ?? new Uint32Array(), c.output), expected)
    const twin = compare(decode(naive['y'] ?? new Uint32Array(), c.output), expected)
    console.log(title(c), errors, twin)
    expect(errors.nmse).toBeLessThan(c.output === 'f16' ? 1e-6 : 1e-11)
  })
})
