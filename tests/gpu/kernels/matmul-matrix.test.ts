import { describe, expect, it } from 'vitest'
import type { Kernel } from '../../../src/gpu/kernel.js'
import type { MatmulSpec } from '../../../src/gpu/kernels/matmul.js'
import { matmulMatrix, matmulMatrixTile, matmulMatrixTiles } from '../../../src/gpu/kernels/matmul-matrix.js'
import { SUBGROUP_MATRIX } from '../../../src/gpu/features.js'
import type { MatrixShape } from '../../../src/gpu/types.js'
import { testDevice, testMatrixUnits } from '../../support/device.js'
import { emulateMatrices } from '../../support/emulate-matrices.js'
import { emulatedShapes, nameOf, shapesOf } from '../../support/matrices.js'
import { matmulInputs, matmulReference } from '../../support/matmul-reference.js'
import { compare, decode, encode } from '../../support/numbers.js'
import { type KernelInputs, runKernel } from '../../support/run-kernel.js'

/** Twice the worst that was measured: f32 sums; outputs in f16; sums of 32 products in f16. */
const NMSE = { f32: 2e-12, out16: 2e-7, f16: 2e-6 }

const device = await testDevice()
const units = await testMatrixUnits()
const halves = device.features.has('shader-f16')

interface Way {
  readonly name: string
  readonly shape: MatrixShape
  readonly kernels: (spec: MatmulSpec) => readonly Kernel[]
  readonly cases: readonly Case[]
}

type Case = Pick<MatmulSpec, 'K' | 'N' | 'epilogue'> & { readonly P: number; readonly output: 'f32' | 'component' }

// Around the edges of tiles; K with and without a tail of the step of 32; one row; the model's own 4304.
const CASES: readonly Case[] = [
  { P: 1, K: 8, N: 4, epilogue: 'bias', output: 'f32' },
  { P: 31, K: 144, N: 36, epilogue: 'residual', output: 'f32' },
  { P: 33, K: 72, N: 68, epilogue: 'gelu_erf', output: 'f32' },
  { P: 63, K: 528, N: 260, epilogue: 'gelu_tanh', output: 'component' },
  { P: 65, K: 32, N: 132, epilogue: 'bias', output: 'component' },
  { P: 3, K: 4304, N: 128, epilogue: 'residual', output: 'f32' },
]
const FEW_CASES: readonly Case[] = [{ P: 35, K: 72, N: 68, epilogue: 'residual', output: 'f32' }]

/** On the device's own matrices with every tile; on emulated ones, which take long to compile, with a small one. */
const ways: readonly Way[] = [
  ...shapesOf(units).map((shape) => ({
    name: nameOf(shape),
    shape,
    kernels: (spec: MatmulSpec) => matmulMatrixTiles(shape).map((tile) => matmulMatrix(spec, tile)),
    cases: CASES,
  })),
  ...emulatedShapes(halves).map((shape) => {
    const tile = matmulMatrixTile(shape, { down: 2, across: 2, rows: shape.M, columns: shape.N })
    const kernels = (spec: MatmulSpec) => [emulateMatrices(matmulMatrix(spec, tile))]
    return { name: `${nameOf(shape)}, emulated`, shape, kernels, cases: FEW_CASES }
  }),
]

const operands = ({ component }: MatrixShape) =>
  component === 'f16' ? ({ weight: 'f16', input: 'f16' } as const) : ({ weight: 'bf16', input: 'f32' } as const)

async function run(kernel: Kernel, inputs: KernelInputs, P: number): Promise<Uint32Array> {
  const { y } = await runKernel(device, kernel, inputs, { P })
  return y ?? new Uint32Array()
}

it('runs on the matrix units of every device that offers them', () => {
  expect(shapesOf(units).length > 0).toBe(device.features.has(SUBGROUP_MATRIX))
})

describe.each(ways)('matmul on matrices of $name', ({ shape, kernels, cases }) => {
  it.each(cases)('[$P,$K]·[$N,$K] $epilogue → $output', async (sizes) => {
    const output = sizes.output === 'f32' ? 'f32' : shape.component
    const c = { ...operands(shape), ...sizes, output }
    const inputs = matmulInputs(c)
    const outputs = []
    for (const kernel of kernels(c)) outputs.push(await run(kernel, inputs, c.P))
    expect(outputs.length).toBeGreaterThan(0)
    for (const output of outputs) expect(output).toEqual(outputs[0])
    const { nmse, cosine } = compare(decode(outputs[0] ?? new Uint32Array(), c.output), matmulReference(c, inputs))
    const bound = shape.result === 'f16' ? NMSE.f16 : c.output === 'f16' ? NMSE.out16 : NMSE.f32
    expect(nmse).toBeLessThan(bound)
    expect(cosine).toBeGreaterThan(1 - bound)
  })

  it('sums 4304 ones to 4304, and large activations without overflow', async () => {
    const [P, K, N] = [2, 4304, 4]
    const spec = { ...operands(shape), K, N, output: 'f32', epilogue: 'bias' } as const
    const bias = new Float32Array(N)
    const fill = (count: number, value: number, type: 'f32' | 'f16' | 'bf16') =>
      encode(new Float64Array(count).fill(value), type)
    for (const kernel of kernels(spec)) {
      for (const [x, weight] of [
        [1, 1],
        [8192, 1], // 32 such products are 2.6e5, four times the largest f16
      ] as const) {
        const operand = { x: fill(P * K, x, spec.input), weight: fill(N * K, weight, spec.weight) }
        const inputs = { ...operand, bias, residual: bias, size: Uint32Array.of(P, 0, 0, 0) }
        expect([...decode(await run(kernel, inputs, P), 'f32')]).toEqual(Array(P * N).fill(x * K))
      }
    }
  })
})

it.each(ways.filter(({ cases }) => cases === CASES))(
  'gives a packed batch the bits of its pictures alone: $name',
  async ({ shape, kernels }) => {
    const [K, N] = [72, 68]
    const c = { ...operands(shape), P: 53, K, N, epilogue: 'bias', output: 'f32' } as const
    const inputs = matmulInputs(c)
    const [kernel] = kernels(c).slice(-1)
    if (!kernel) throw new Error('no kernel')
    const packed = await run(kernel, inputs, c.P)
    const rows = { first: 21, count: 32 }
    const x = inputs.x.slice(rows.first * K, (rows.first + rows.count) * K)
    const alone = await run(kernel, { ...inputs, x, size: Uint32Array.of(rows.count, 0, 0, 0) }, rows.count)
    expect(alone).toEqual(packed.slice(rows.first * N))
  },
)

it('refuses operands that matrices of f16 do not take', () => {
  const [shape] = emulatedShapes(true)
  if (!shape) throw new Error('no shape')
  const tile = matmulMatrixTile(shape, { down: 1, across: 1, rows: 16, columns: 16 })
  const spec = { K: 16, N: 4, output: 'f32', epilogue: 'bias' } as const
  const refused = (operands: Pick<MatmulSpec, 'input' | 'weight' | 'K'>) =>
    expect(() => matmulMatrix({ ...spec, ...operands }, tile)).toThrow(expect.objectContaining({ code: 'SHADER' }))
  refused({ input: 'f32', weight: 'f16', K: 16 })
  refused({ input: 'f16', weight: 'bf16', K: 16 })
  refused({ input: 'f16', weight: 'f16', K: 12 })
})
