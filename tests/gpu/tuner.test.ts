/** Choosing kernels by measuring them on the device: what is chosen, what is remembered, and that nothing stays behind. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { VisionEncoder, type TuningStore } from '../../src/index.js'
import { KernelCatalog, type Alternatives } from '../../src/gpu/catalog.js'
import { Gpu } from '../../src/gpu/device.js'
import { tune } from '../../src/gpu/tuner.js'
import { testPixels } from '../fixtures/pixels.js'
import { folderOf } from '../support/checkpoint.js'
import { testGpu } from '../support/device.js'
import { failure } from '../support/failure.js'

const entry = await testGpu()
let gpu: Gpu
let steps: readonly Alternatives[]

beforeAll(async () => {
  gpu = await Gpu.open({ gpu: entry })
  const kernels = await KernelCatalog.open({
    arithmetic: 'f32',
    matrix: null,
    software: true,
    workgroupBytes: 16384,
    invocations: 256,
  })
  const sizes = { K: 64, N: 192, weight: 'bf16', input: 'f32', output: 'f32', epilogue: 'bias' } as const
  const attention = kernels.attention({ heads: 1, headSize: 16, type: 'f32' })
  const norm = kernels.layerNorm({ C: 64, eps: 1e-6, output: 'f32' })
  steps = [norm, kernels.matmul(sizes), attention, kernels.matmul({ ...sizes, N: 64, epilogue: 'gelu_tanh' })]
})

afterAll(() => gpu.dispose())

/** A store in memory, as an app may have it. */
function memoryStore(): TuningStore & { readonly entries: Map<string, string> } {
  const entries = new Map<string, string>()
  return {
    entries,
    get: (key) => Promise.resolve(entries.get(key) ?? null),
    set: (key, value) => Promise.resolve(void entries.set(key, value)),
  }
}

test('chooses one of the alternatives of each step, and leaves no buffer', async () => {
  const buffers = gpu.memory.count
  const { choices } = await tune(gpu, steps, null)
  const open = steps.filter(({ length }) => length > 1)
  expect([...choices.keys()]).toEqual(open.map(([first]) => first))
  for (const alternatives of open) expect(alternatives).toContain(choices.get(alternatives[0]))
  expect(gpu.memory.count).toBe(buffers)
})

test('remembers its choices: the second time nothing is measured', async () => {
  const store = memoryStore()
  const first = await tune(gpu, steps, store)
  const submit = vi.spyOn(gpu.device.queue, 'submit')
  const second = await tune(gpu, steps, store)
  expect(submit).not.toHaveBeenCalled()
  expect(second.choices).toEqual(first.choices)
  expect(second.pipelines.size).toBe(0)
  expect(store.entries.size).toBe(1)

  // Other kernels are another entry, whatever is remembered of these.
  await tune(gpu, steps.slice(0, 2), store)
  expect(submit).toHaveBeenCalled()
  expect(store.entries.size).toBe(2)
  submit.mockRestore()
})

test.each([
  ['is broken', 'not JSON'],
  ['names an unknown variant', JSON.stringify(['1x1', '1x1', '1x1'])],
  ['is of another shape', '{}'],
])('measures again when what is remembered %s', async (_, value) => {
  const store = memoryStore()
  await tune(gpu, steps, store)
  const [key = ''] = store.entries.keys()
  const good = store.entries.get(key)
  store.entries.set(key, value)
  const submit = vi.spyOn(gpu.device.queue, 'submit')
  await tune(gpu, steps, store)
  expect(submit).toHaveBeenCalled()
  submit.mockRestore()
  expect(JSON.parse(store.entries.get(key) ?? '')).toHaveLength((JSON.parse(good ?? '') as string[]).length)
})

test('a store that fails does no harm', async () => {
  const broken = { get: () => Promise.reject(new Error('no')), set: () => Promise.reject(new Error('no')) }
  expect((await tune(gpu, steps, broken)).choices.size).toBeGreaterThan(0)
})

test('an abort stops the measuring', async () => {
  await failure(tune(gpu, steps, null, AbortSignal.abort('enough')), 'ABORTED')
})

test('a load takes the remembered kernels, and gives the same bits with any of them', async () => {
  const model = await folderOf('tests/fixtures/models/siglip-f32')
  const store = memoryStore()
  const load = (tuning: TuningStore | boolean) =>
    VisionEncoder.load(model, { device: gpu.device, precision: 'f32', positions: 'navit', tuning })
  const picture = { pixels: testPixels(1, 56, 70) }
  const tokens: Float32Array[] = []
  for (const tuning of [false, true, { ...store, largeOnly: true }, store, store]) {
    using encoder = await load(tuning)
    tokens.push((await encoder.encode(picture)).tokens)
    if (tuning !== store) expect(store.entries.size).toBe(0)
  }
  const [[key, value] = ['', '']] = store.entries
  // The last of each step's alternatives, which are not the best guess.
  const last = (JSON.parse(value) as string[]).map((variant) => (variant === '32x32' ? '64x64' : '32x32'))
  store.entries.set(key, JSON.stringify(last))
  using encoder = await load(store)
  tokens.push((await encoder.encode(picture)).tokens)
  for (const other of tokens.slice(1)) expect(other).toEqual(tokens[0])
})
