import { beforeAll, describe, expect, it } from 'vitest'
import { layerNorm } from '../../../src/gpu/kernels/layer-norm.js'
import { layerNormNaive } from '../../../src/gpu/kernels/naive/layer-norm.js'
import type { Kernel } from '../../../src/gpu/kernel.js'
import { testDevice } from '../../support/device.js'
import { compare, decode, encode, normals } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'
import { LAYER_NORM_CASES, type LayerNormCase } from './layer-norm-cases.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

const inputsOf = ({ P, C }: LayerNormCase, x: ArrayLike<number> = normals(P * C, 1)) => ({
  x: Float32Array.from(x),
  weight: encode(normals(C, 2), 'f32'),
  bias: encode(normals(C, 3), 'f32'),
  size: Uint32Array.of(P, 0, 0, 0),
})

type Inputs = ReturnType<typeof inputsOf>

async function run(kernel: Kernel, { P, C, output }: LayerNormCase, inputs: Inputs): Promise<Float64Array> {
  const { y } = await runKernel(device, kernel, inputs, { P })
  if (!y) throw new Error('layer norm gave no y')
  return decode(y, output).subarray(0, P * C)
}

/** The formula in f64, on the numbers that f32 can hold. */
function reference({ P, C, eps }: LayerNormCase, inputs: Inputs): Float64Array {
  const weight = decode(inputs.weight, 'f32')
  const bias = decode(inputs.bias, 'f32')
  const y = new Float64Array(P * C)
  for (let p = 0; p < P; p++) {
    const row = Float64Array.from(inputs.x.subarray(p * C, (p + 1) * C))
    const mean = row.reduce((a, b) => a + b) / C
    const deviation = Math.sqrt(row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / C + eps)
    y.set(
      row.map((v, c) => ((v - mean) / deviation) * (weight[c] ?? NaN) + (bias[c] ?? NaN)),
      p * C,
    )
  }
  return y
}

// About 4 times the worst of lavapipe and SwiftShader: nmse 5.3e-15 and maxAbs 1.8e-6 in f32, 4.3e-8 and 3.7e-3 in
// f16 (lavapipe only), which is the rounding of the output. The naive sum of 8192 values reaches 5.4e-13 and 8.5e-6.
const BOUNDS = { f32: { nmse: 2.1e-14, maxAbs: 7e-6 }, f16: { nmse: 1.7e-7, maxAbs: 1.5e-2 } }
const NAIVE_BOUNDS = { ...BOUNDS, f32: { nmse: 2.2e-12, maxAbs: 3.4e-5 } }

function expectClose(actual: Float64Array, expected: Float64Array, bounds = BOUNDS.f32) {
  const errors = compare(actual, expected)
  expect(errors.nmse).toBeLessThan(bounds.nmse)
  expect(errors.maxAbs).toBeLessThan(bounds.maxAbs)
  expect(errors.cosine).toBeGreaterThan(1 - Math.max(bounds.nmse, 1e-12)) // 1e-12: f64 sums of many products
}

describe('layer norm against f64 and its naive twin', () => {
  const cases = LAYER_NORM_CASES.map((of) => ({ of, name: `[${of.P},${of.C}] ${of.output}` }))
  it.for(cases)('$name', async ({ of }, { skip }) => {
    skip(of.output === 'f16' && !device.features.has('shader-f16'), 'no shader-f16')
    const inputs = inputsOf(of)
    const expected = reference(of, inputs)
    expectClose(await run(layerNorm(of), of, inputs), expected, BOUNDS[of.output])
    expectClose(await run(layerNormNaive(of), of, inputs), expected, NAIVE_BOUNDS[of.output])
  })
})

describe('layer norm of difficult rows', () => {
  const of: LayerNormCase = { P: 6, C: 1152, eps: 1e-6, output: 'f32' }
  const noise = normals(of.P * of.C, 1)
  const check = async (x: Float64Array) => {
    const inputs = inputsOf(of, x)
    expectClose(await run(layerNorm(of), of, inputs), reference(of, inputs))
  }

  it('a mean of 1e4 with deviations of 1e-2', () => check(noise.map((n) => 1e4 + n * 1e-2)))
  it('outlier channels of 1e4', () => check(noise.map((n, i) => (i % of.C === 5 || i % of.C === 700 ? 1e4 * n : n))))
  it('constant rows', () => check(noise.map((_, i) => Math.floor(i / of.C) * 0.1)))
})

it('gives a row the same bits alone and among others', async () => {
  const of: LayerNormCase = { P: 6, C: 1152, eps: 1e-6, output: 'f32' }
  const inputs = inputsOf(of)
  const all = await run(layerNorm(of), of, inputs)
  for (const p of [0, 3, 5]) {
    const alone = { ...of, P: 1 }
    const row = inputsOf(alone, inputs.x.subarray(p * of.C, (p + 1) * of.C))
    expect(await run(layerNorm(alone), alone, row)).toEqual(all.slice(p * of.C, (p + 1) * of.C))
  }
})
