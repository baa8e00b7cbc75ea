import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { create, globals } from 'webgpu'
import type { Kernel } from '../../src/gpu/kernel.js'
import { addSincos } from '../../src/gpu/kernels/add-sincos.js'
import {
  attentionMatrix,
  attentionMatrixFits,
  attentionMatrixVariants,
} from '../../src/gpu/kernels/attention-matrix.js'
import { convert } from '../../src/gpu/kernels/convert.js'
import { crossAttention } from '../../src/gpu/kernels/cross-attention.js'
import { finite } from '../../src/gpu/kernels/finite.js'
import { gatherRows } from '../../src/gpu/kernels/gather-rows.js'
import { interpolatePositions } from '../../src/gpu/kernels/interpolate-positions.js'
import { layerNorm } from '../../src/gpu/kernels/layer-norm.js'
import { matmulMatrix, matmulMatrixTiles } from '../../src/gpu/kernels/matmul-matrix.js'
import { meanRows } from '../../src/gpu/kernels/mean-rows.js'
import { convertNaive } from '../../src/gpu/kernels/naive/convert.js'
import { crossAttentionNaive } from '../../src/gpu/kernels/naive/cross-attention.js'
import { finiteNaive } from '../../src/gpu/kernels/naive/finite.js'
import { interpolatePositionsNaive } from '../../src/gpu/kernels/naive/interpolate-positions.js'
import { layerNormNaive } from '../../src/gpu/kernels/naive/layer-norm.js'
import { matmulNaive } from '../../src/gpu/kernels/naive/matmul.js'
import { patchEmbedNaive } from '../../src/gpu/kernels/naive/patch-embed.js'
import { DIRECT_PATCHES } from '../../src/gpu/kernels/patch-embed-direct.js'
import { patchEmbed } from '../../src/gpu/kernels/patch-embed.js'
import { resize } from '../../src/gpu/kernels/resize.js'
import { transpose } from '../../src/gpu/kernels/transpose.js'
import { SUBGROUP_MATRIX, SUBGROUP_SIZE_CONTROL } from '../../src/gpu/features.js'
import type { MatrixShape } from '../../src/gpu/types.js'
import { compile } from '../../src/gpu/pipeline.js'
import { attentionNaiveOf, attentionOf, matmulF16Of, matmulOf, TILES } from '../support/kernels.js'

// Dawn's null backend has the whole compiler and all validation, needs no driver, and computes nothing.
let gpu: GPU
let device: GPUDevice
beforeAll(async () => {
  Object.assign(globalThis, globals)
  gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
  const adapter = await gpu.requestAdapter()
  if (!adapter) throw new Error('Dawn has no null backend')
  device = await adapter.requestDevice({
    requiredFeatures: ['shader-f16', 'subgroups', SUBGROUP_MATRIX, SUBGROUP_SIZE_CONTROL],
  })
})
afterAll(() => device.destroy())

const FOLDER = `${import.meta.dirname}/../../shaders/`

it.each(readdirSync(FOLDER))('%s compiles as it stands', async (file) => {
  const code = readFileSync(FOLDER + file, 'utf8')
  device.pushErrorScope('validation')
  const module = device.createShaderModule({ label: file, code })
  const { messages } = await module.getCompilationInfo()
  expect(messages.map(({ lineNum, message }) => `${file}:${lineNum}: ${message}`)).toEqual([])
  const compute = { module }
  await expect(device.createComputePipelineAsync({ layout: 'auto', compute })).resolves.toBeDefined()
  expect(await device.popErrorScope()).toBeNull()
})

const FLOATS = ['f32', 'f16'] as const
const WEIGHTS = ['f32', 'f16', 'bf16'] as const
const EPILOGUES = ['bias', 'gelu_tanh', 'gelu_erf', 'residual'] as const
const F16_TILES = ['32x32', '64x64', '128x64', '128x128'] as const

/** All combinations of one element from each list. */
function product<T extends readonly (readonly unknown[])[]>(...lists: T): { [K in keyof T]: T[K][number] }[] {
  const rows = lists.reduce<unknown[][]>(
    (head, list) => head.flatMap((row) => list.map((item) => [...row, item])),
    [[]],
  )
  return rows as { [K in keyof T]: T[K][number] }[]
}

// Every form that a kernel comes in, in the sizes of SoViT-400m and in small, odd ones.
const MATMULS = product([1152, 36], [4304, 52], [...WEIGHTS, 'i8'] as const, FLOATS, FLOATS, EPILOGUES).map(
  ([K, N, weight, input, output, epilogue]) => ({ K, N, weight, input, output, epilogue }),
)
const PATCH_EMBEDS = product([2, 14, 16], WEIGHTS, WEIGHTS).map(([patch, weight, table]) => {
  return { patch, C: 1152, S: 70, weight, table }
})
const LAYER_NORMS = product([4, 1152], FLOATS).map(([C, output]) => ({ C, eps: 1e-6, output }))
const ATTENTIONS = product([4, 72, 256], FLOATS, ['4x4-32', 'direct-8', 'direct-16'] as const).map(
  ([headSize, type, variant]) => ({
    heads: 3,
    headSize,
    type,
    variant,
  }),
)
const CROSS_ATTENTIONS = product([4, 72, 128, 256], [1, 4, 5, 64, 96], FLOATS).map(([headSize, queries, type]) => {
  return { heads: 3, headSize, queries, type }
})
const INTERPOLATIONS = WEIGHTS.map((table) => ({ C: 1152, S: 27, table }))
// Shapes of NVIDIA, AMD, Intel and Apple. The null device's largest subgroup has 128 invocations.
const SHAPES = product(
  [
    { component: 'f16', result: 'f32', M: 16, N: 16, K: 16 },
    { component: 'f16', result: 'f32', M: 16, N: 8, K: 16 },
    { component: 'f16', result: 'f32', M: 16, N: 8, K: 8 },
    { component: 'f16', result: 'f32', M: 8, N: 16, K: 16 },
    { component: 'f16', result: 'f32', M: 8, N: 8, K: 8 },
    { component: 'f16', result: 'f16', M: 16, N: 16, K: 16 },
    { component: 'f32', result: 'f32', M: 8, N: 8, K: 8 },
  ] as const,
  [false, true],
).map(([config, demand]): MatrixShape => ({ ...config, lanes: 32, demand, largest: 128 }))
const ATTENTION_ON_MATRICES = product([4, 24, 72, 128], SHAPES).flatMap(([headSize, shape]) => {
  const specs = FLOATS.map((type) => ({ heads: 3, headSize, type })).filter((spec) => attentionMatrixFits(spec, shape))
  return product(specs, attentionMatrixVariants(shape)).map(([spec, variant]) => attentionMatrix(spec, shape, variant))
})
const CONVERSIONS = product([...WEIGHTS, 'i8'] as const, FLOATS)
const RESIZES = product([3, 4] as const, ['pixels', 'values'] as const)

const ON_MATRICES = SHAPES.flatMap((shape) => {
  const { component } = shape
  const operands =
    component === 'f16' ? ({ weight: 'f16', input: 'f16' } as const) : ({ weight: 'bf16', input: 'f32' } as const)
  return product(matmulMatrixTiles(shape), [component, 'f32'] as const, EPILOGUES).map(([tile, output, epilogue]) =>
    matmulMatrix({ K: 1152, N: 4304, output, epilogue, ...operands }, tile),
  )
})

const FORMS = ['f32', 'f16', 'bf16'] as const

/** The null device has 16 KiB of workgroup memory, the least there is. */
const fitsNull = ({ workgroupBytes }: Kernel) => workgroupBytes <= 16384

const KERNELS: Readonly<Record<string, readonly Kernel[]>> = {
  ...Object.fromEntries(TILES.map((tile) => [`matmul ${tile}`, MATMULS.map((spec) => matmulOf({ ...spec, tile }))])),
  'matmul by f16': product(F16_TILES, FLOATS, EPILOGUES).map(([tile, output, epilogue]) => {
    const f16 = { weight: 'f16', input: 'f16' } as const
    return matmulF16Of({ K: 1152, N: 4304, tile, output, epilogue, ...f16 })
  }),
  'matmul on matrices': ON_MATRICES.filter(fitsNull),
  'matmul, naive': MATMULS.map(matmulNaive),
  'patch embedding': PATCH_EMBEDS.map((spec) => patchEmbed(spec)),
  'patch embedding, direct': PATCH_EMBEDS.map((spec) => patchEmbed(spec, DIRECT_PATCHES)),
  'patch embedding, naive': PATCH_EMBEDS.map(patchEmbedNaive),
  'layer norm': LAYER_NORMS.map(layerNorm),
  'layer norm, naive': LAYER_NORMS.map(layerNormNaive),
  attention: ATTENTIONS.map(attentionOf),
  // Only those that fit 16 KiB, which is all that the null backend has.
  'attention by matrices': ATTENTION_ON_MATRICES.filter(({ workgroupBytes }) => workgroupBytes <= 16384),
  'attention, naive': ATTENTIONS.map(attentionNaiveOf),
  'cross attention': CROSS_ATTENTIONS.map(crossAttention),
  'cross attention, naive': CROSS_ATTENTIONS.map(crossAttentionNaive),
  'interpolated positions': INTERPOLATIONS.map(interpolatePositions),
  'interpolated positions, naive': INTERPOLATIONS.map(interpolatePositionsNaive),
  'sin-cos positions': FLOATS.map((type) => addSincos({ C: 3584, type })),
  'gathered rows': FLOATS.map((type) => gatherRows({ C: 1152, type })),
  'mean of rows': [meanRows({ C: 1152 })],
  transposition: ([2, 4] as const).map((bytes) => transpose({ batches: 3, rows: 5, columns: 7, bytes })),
  conversion: CONVERSIONS.map(([from, to]) => convert(from, to)),
  'finite weights': FORMS.map(finite),
  'finite weights, naive': FORMS.map(finiteNaive),
  resize: RESIZES.map(([sourceBytes, result]) => resize({ sourceBytes, result })),
  'conversion, naive': CONVERSIONS.map(([from, to]) => convertNaive(from, to)),
}

it.each(Object.entries(KERNELS))(
  '%s: every form makes a pipeline with the bindings it declares',
  async (_, kernels) => {
    expect((await compile(device, kernels)).size).toBe(kernels.length)
  },
)

it('matmul on matrices: tiles beyond the memory of the null device are valid', async () => {
  const large = ON_MATRICES.filter((kernel) => !fitsNull(kernel))
  expect(large.length).toBeGreaterThan(0)
  for (const { code, variant } of large) {
    const { messages } = await device.createShaderModule({ code }).getCompilationInfo()
    expect(messages.map(({ message }) => `${variant}: ${message}`)).toEqual([])
  }
})

it('attention on matrices: every form is valid, of any head', async () => {
  expect(ATTENTION_ON_MATRICES.length).toBeGreaterThan(0)
  for (const { code } of ATTENTION_ON_MATRICES) {
    const { messages } = await device.createShaderModule({ code }).getCompilationInfo()
    expect(messages.map(({ lineNum, message }) => `${lineNum}: ${message}`)).toEqual([])
  }
})

describe('refuses', () => {
  const kernel = convert('f16', 'f32')
  const refusal = (change: Partial<Kernel>) => compile(device, [{ ...kernel, ...change }])

  it.each([
    ['a binding written to, declared as read', 1, 'read'],
    ['a binding read, declared as written', 0, 'write'],
    ['a uniform declared as storage', 3, 'read'],
  ] as const)('%s', async (_title, index, access) => {
    const bindings = kernel.bindings.map((binding, i) => (i === index ? { ...binding, access } : binding))
    await expect(refusal({ bindings })).rejects.toMatchObject({ code: 'SHADER' })
  })

  it('a binding that is not declared', async () => {
    await expect(refusal({ bindings: kernel.bindings.slice(0, -1) })).rejects.toMatchObject({ code: 'SHADER' })
  })

  it('a shader with an error, with its line', async () => {
    const code = kernel.code.replace('let magnitude =', 'let magnitude: f32 =')
    device.pushErrorScope('validation') // the module's own error, besides the pipeline's
    await expect(refusal({ code })).rejects.toThrow(/convert\.wgsl:\d+:\d+: .*f32/)
    expect(await device.popErrorScope()).not.toBeNull()
  })

  it('workgroups larger than the device takes', async () => {
    await expect(refusal({ workgroupBytes: 1 << 20 })).rejects.toMatchObject({ code: 'LIMIT' })
    await expect(refusal({ invocations: 4096 })).rejects.toMatchObject({ code: 'LIMIT' })
  })
})
