import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { MatmulSpec } from '../../../src/gpu/kernels/matmul.js'
import { matmulNaive } from '../../../src/gpu/kernels/naive/matmul.js'
import { sizeTable, type Kernel } from '../../../src/gpu/kernel.js'
import { testDevice } from '../../support/device.js'
import { matmulF16Of, matmulOf, TILES } from '../../support/kernels.js'
import { ACTIVATIONS, matmulInputs, matmulReference } from '../../support/matmul-reference.js'
import { bf16ToNumber, compare, decode, encode, f16ToNumber } from '../../support/numbers.js'
import { type KernelInputs, runKernel } from '../../support/run-kernel.js'
import { MATMUL_CASES, type MatmulCase } from './cases.js'

/** Four times the worst lane: 4.5e-13 at K = 4304 (f32 rounding of one chain of sums), 4.2e-8 where outputs are f16. */
const NMSE = 2e-12
const NMSE_F16 = 2e-7

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

/** All tiles for one row, else those that it fills at least by half: compiling is what costs time on software devices. */
const tilesFor = (P: number) =>
  TILES.filter((tile) => P === 1 || tile.startsWith('direct') || 2 * P >= Number.parseInt(tile, 10))

const title = ({ P, K, N, weight, input, output, epilogue }: MatmulCase) =>
  `[${P},${K}]·[${N},${K}]ᵀ ${weight} ${input}→${output} ${epilogue}`

type NamedMatmul = MatmulSpec & { readonly tile?: string }

const words = (spec: NamedMatmul, inputs: KernelInputs, P: number) => wordsOf(matmulOf(spec), inputs, P)

async function wordsOf(kernel: Kernel, inputs: KernelInputs, P: number): Promise<Uint32Array> {
  const { y } = await runKernel(device, kernel, { ...inputs, size: sizeTable(P, kernel) }, { P })
  if (!y) throw new Error('matmul has no output y')
  return y
}

describe('matmul', () => {
  it.for(MATMUL_CASES.map((c) => [title(c), c] as const))('%s', async ([, c], { skip }) => {
    skip((c.input === 'f16' || c.output === 'f16') && !device.features.has('shader-f16'), 'no shader-f16')
    const inputs = matmulInputs(c)
    const expected = matmulReference(c, inputs)
    const naiveInputs = c.epilogue === 'residual' ? inputs : { ...inputs, residual: new Float32Array(c.P * c.N) }
    const naive = await runKernel(device, matmulNaive(c), naiveInputs, { P: c.P })
    const tiles = tilesFor(c.P)
    const outputs = []
    for (const tile of tiles) outputs.push(await words({ ...c, tile }, inputs, c.P))
    for (const [i, output] of outputs.entries()) {
      expect(output, `${tiles[i]} against ${tiles[0]}, bit for bit`).toEqual(outputs[0])
    }
    const bound = c.output === 'f16' ? NMSE_F16 : NMSE
    for (const y of [outputs[0], naive.y]) {
      const errors = compare(decode(y ?? new Uint32Array(), c.output), expected)
      expect(errors.nmse).toBeLessThan(bound)
      expect(errors.cosine).toBeGreaterThan(1 - bound)
      expect(errors.maxAbs).toBeLessThan(c.output === 'f16' ? 8e-3 : 4e-5)
    }
  })

  it.each(['direct-16x16', '64x64'] as const)(
    'gives a packed batch the bits of its pictures alone: %s',
    async (tile) => {
      const c = { P: 137, K: 588, N: 132, weight: 'bf16', epilogue: 'residual', input: 'f32', output: 'f32' } as const
      const { K, N } = c
      const inputs = matmulInputs(c)
      const packed = await words({ ...c, tile }, inputs, c.P)
      let first = 0
      for (const P of [44, 93]) {
        const alone = {
          ...inputs,
          x: inputs.x.slice(first * K, (first + P) * K),
          residual: inputs.residual.slice(first * N, (first + P) * N),
          size: Uint32Array.of(P, 0, 0, 0),
        }
        expect(await words({ ...c, tile }, alone, P)).toEqual(packed.slice(first * N, (first + P) * N))
        first += P
      }
    },
  )

  it.each(['bf16', 'f16'] as const)('unpacks every finite %s exactly', async (weight) => {
    const toNumber = weight === 'bf16' ? bf16ToNumber : f16ToNumber
    const halves = Uint16Array.from({ length: 65536 }, (_, half) => (Number.isFinite(toNumber(half)) ? half : 0))
    const [K, N, P] = [4, 16384, 4]
    const spec = { K, N, weight, input: 'f32', output: 'f32', epilogue: 'bias' } as const
    const identity = Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0))
    const bias = new Float32Array(N)
    const fixed = { x: identity, weight: halves, bias, residual: bias, size: Uint32Array.of(P, 0, 0, 0) }
    for (const tile of ['direct-16x16', '64x64'] as const) {
      const y = decode(await words({ ...spec, tile }, fixed, P), 'f32')
      const wrong = Array.from(halves).filter((half, i) => {
        const value = toNumber(half)
        const got = y[(i % 4) * N + Math.floor(i / 4)] ?? NaN
        // f32 arithmetic may flush subnormals (WGSL, 15.7.2), which only bf16 can hold.
        return got !== value && !(got === 0 && Math.abs(value) < 2 ** -126)
      })
      expect(wrong).toEqual([])
    }
  })

  it.each(['gelu_tanh', 'gelu_erf'] as const)('%s holds in its tails and beyond', async (epilogue) => {
    const edges = [0, 13, 50, 1e4].flatMap((v) => [v, -v])
    const values = Float32Array.from({ length: 4096 }, (_, i) => edges[i] ?? (i - 2048) / 128)
    const identity = Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0))
    const spec = { K: 4, N: 4, weight: 'f32', input: 'f32', output: 'f32', epilogue } as const
    const bias = new Float32Array(4)
    const inputs = { x: values, weight: identity, bias, residual: bias, size: Uint32Array.of(1024, 0, 0, 0) }
    const y = decode(await words(spec, inputs, 1024), 'f32')
    const worst = Math.max(
      ...y.map((got, i) => {
        const v = values[i] ?? NaN
        return Math.abs(got - ACTIVATIONS[epilogue](v)) / Math.max(1, Math.abs(v))
      }),
    )
    // Relative to max(1, |v|), because 1 + tanh and 1 + erf cancel on the negative side.
    expect(worst).toBeLessThan(1e-6)
  })
})

describe('matmul by f16 arithmetic', () => {
  const TILES = ['32x32', '64x64', '128x64'] as const
  const half = { weight: 'f16', input: 'f16' } as const
  /** Twice what was measured at K = 4304: sums of 16 products, each step rounded to 11 bits. */
  const NMSE_OF_F16_SUMS = 1e-6

  beforeEach(({ skip }) => skip(!device.features.has('shader-f16'), 'no shader-f16'))

  it.each([
    { P: 65, K: 588, N: 132, epilogue: 'bias', output: 'f32' },
    { P: 129, K: 144, N: 68, epilogue: 'residual', output: 'f32' },
    { P: 33, K: 36, N: 124, epilogue: 'gelu_tanh', output: 'f16' },
    { P: 5, K: 4304, N: 132, epilogue: 'bias', output: 'f32' },
  ] as const)('[$P,$K]·[$N,$K] $epilogue', async (sizes) => {
    const c = { ...half, ...sizes }
    const inputs = matmulInputs(c)
    const expected = matmulReference(c, inputs)
    const outputs = []
    for (const tile of TILES) outputs.push(await wordsOf(matmulF16Of({ ...c, tile }), inputs, c.P))
    for (const output of outputs) expect(output).toEqual(outputs[0])
    const { nmse } = compare(decode(outputs[0] ?? new Uint32Array(), c.output), expected)
    expect(nmse).toBeLessThan(NMSE_OF_F16_SUMS)
    expect(nmse).toBeGreaterThan(1e-10) // f32 sums would be closer: this is f16 arithmetic
  })

  it('sums 4304 ones to 4304, and large activations without overflow', async () => {
    const [P, K, N] = [2, 4304, 4]
    const spec = { ...half, K, N, output: 'f32', epilogue: 'bias' } as const
    const bias = new Float32Array(N)
    const size = Uint32Array.of(P, 0, 0, 0)
    const run = async (x: number, weight: number) => {
      const fill = (count: number, value: number) => encode(new Float64Array(count).fill(value), 'f16')
      const inputs = { x: fill(P * K, x), weight: fill(N * K, weight), bias, residual: bias, size }
      return decode(await wordsOf(matmulF16Of({ ...spec, tile: '32x32' }), inputs, P), 'f32')
    }
    expect([...(await run(1, 1))]).toEqual(Array(P * N).fill(K))
    // 16 such products are 2.6e5, four times the largest f16.
    expect([...(await run(8192, 2))]).toEqual(Array(P * N).fill(16384 * K))
  })

  it('refuses other operands', () => {
    const spec = { K: 4, N: 4, output: 'f32', epilogue: 'bias' } as const
    expect(() => matmulF16Of({ ...spec, input: 'f32', weight: 'f16' })).toThrow('f32 by f16')
    expect(() => matmulF16Of({ ...spec, input: 'f16', weight: 'bf16' })).toThrow('f16 by bf16')
  })
})
