import { beforeAll, describe, expect, it } from 'vitest'
import type { Kernel } from '../../../src/gpu/kernel.js'
import { convert } from '../../../src/gpu/kernels/convert.js'
import { type Epilogue, matmul } from '../../../src/gpu/kernels/matmul.js'
import { convertNaive } from '../../../src/gpu/kernels/naive/convert.js'
import { matmulNaive } from '../../../src/gpu/kernels/naive/matmul.js'
import { patchEmbedNaive } from '../../../src/gpu/kernels/naive/patch-embed.js'
import { patchEmbed } from '../../../src/gpu/kernels/patch-embed.js'
import type { WeightType } from '../../../src/gpu/kernels/weights.js'
import { MATMUL_TILES } from './cases.js'

const WEIGHTS: readonly WeightType[] = ['f32', 'f16', 'bf16']
const FLOATS = ['f32', 'f16'] as const
const EPILOGUES: readonly Epilogue[] = ['bias', 'gelu_tanh', 'gelu_erf', 'residual']

/** Odd sizes, so that tails are compiled in. */
const SPECS = WEIGHTS.flatMap((weight) =>
  EPILOGUES.flatMap((epilogue) =>
    FLOATS.flatMap((input) => FLOATS.map((output) => ({ K: 588, N: 132, weight, epilogue, input, output }))),
  ),
)

const patchSpecs = WEIGHTS.flatMap((weight) => WEIGHTS.map((table) => ({ patch: 14, C: 144, S: 70, weight, table })))
const conversions = WEIGHTS.flatMap((from) => FLOATS.map((to) => [from, to] as const))

const KERNELS: Readonly<Record<string, readonly Kernel[]>> = {
  ...Object.fromEntries(
    MATMUL_TILES.map((tile) => [`matmul ${tile}`, SPECS.map((spec) => matmul({ ...spec, tile }))] as const),
  ),
  'matmul naive': SPECS.map(matmulNaive),
  'patch embedding': patchSpecs.flatMap((spec) => [patchEmbed(spec), patchEmbedNaive(spec)]),
  conversion: conversions.flatMap(([from, to]) => [convert(from, to), convertNaive(from, to)]),
}

/** Dawn's null backend compiles and computes nothing; a browser has no such thing. */
describe.skipIf(typeof navigator !== 'undefined' && 'gpu' in navigator)('every specialisation', () => {
  let instance: GPU
  let device: GPUDevice
  beforeAll(async () => {
    const { create, globals } = await import('webgpu')
    Object.assign(globalThis, globals)
    instance = create(['backend=null'])
    const adapter = await instance.requestAdapter()
    if (!adapter) throw new Error("Dawn's null backend offers no adapter.")
    device = await adapter.requestDevice({ requiredFeatures: ['shader-f16'] })
  })

  it.each(Object.keys(KERNELS))(
    'of %s compiles, with the bindings it declares and within core limits',
    async (name) => {
      const kernels = KERNELS[name] ?? []
      device.pushErrorScope('validation')
      for (const kernel of kernels) {
        const module = device.createShaderModule({ label: kernel.name, code: kernel.code })
        const compute = { module, constants: { ...kernel.constants } }
        const pipeline = device.createComputePipeline({ label: kernel.name, layout: 'auto', compute })
        const entries = kernel.bindings.map(({ access }, binding) => {
          const usage = access === 'uniform' ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE
          return { binding, resource: { buffer: device.createBuffer({ size: 256, usage }) } }
        })
        device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries })
        expect(kernel.workgroupBytes).toBeLessThanOrEqual(16384)
        expect(kernel.invocations).toBeLessThanOrEqual(256)
        expect(kernel.bindings.filter(({ access }) => access !== 'uniform').length).toBeLessThanOrEqual(8)
      }
      expect((await device.popErrorScope())?.message ?? null).toBeNull()
    },
  )
})
