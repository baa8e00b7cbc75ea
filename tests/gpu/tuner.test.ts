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

const SIZES = { K: 64, N: 192, weight: 'bf16', input: 'f32', output: 'f32', epilogue: 'bias' } as const
const HEAD = { heads: 1, headSize: 16, type: 'f32' } as const

const LIMITS = { workgroupBytes: 16384, invocations: 256 }

const entry = await testGpu()
let gpu: Gpu
let kernels: KernelCatalog
let steps: readonly Alternatives[]

beforeAll(async () => {
  gpu = await Gpu.open({ gpu: entry })
  kernels = await KernelCatalog.open({ arithmetic: 'f32', matrix: null, software: true, ...LIMITS })
  const norm = kernels.layerNorm({ C: 64, eps: 1e-6, output: 'f32' })
  // Of a GPU's tiles, the two that compile soonest.
  const [first, second] = (
    await KernelCatalog.open({ arithmetic: 'f32', matrix: null, software: false, ...LIMITS })
  ).matmul(SIZES)
  if (!second) throw new Error('GPUs have tiles to choose among')
  steps = [norm, [first, second], kernels.attention(HEAD), kernels.attention({ ...HEAD, headSize: 32 })]
})

afterAll(() => gpu.dispose())

/** Whatever it takes: what is tested is not how fast the machine is. */
const unhurried = { budgetMs: Infinity }

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
  const { choices } = await tune(gpu, steps, null, unhurried)
  const open = steps.filter(({ length }) => length > 1)
  expect(new Set(choices.keys())).toEqual(new Set(open.map(([first]) => first)))
  for (const alternatives of open) expect(alternatives).toContain(choices.get(alternatives[0]))
  expect(gpu.memory.count).toBe(buffers)
})

test('remembers its choices: the second time nothing is measured', async () => {
  const store = memoryStore()
  const first = await tune(gpu, steps, store, unhurried)
  const submit = vi.spyOn(gpu.device.queue, 'submit')
  const second = await tune(gpu, steps, store, unhurried)
  expect(submit).not.toHaveBeenCalled()
  expect(second.choices).toEqual(first.choices)
  expect(second.pipelines.size).toBe(0)
  expect(store.entries.size).toBe(1)

  // Other kernels are another entry, whatever is remembered of these.
  await tune(gpu, steps.slice(0, 2), store, unhurried)
  expect(submit).toHaveBeenCalled()
  expect(store.entries.size).toBe(2)
  submit.mockRestore()
})

test('compiles, measures and remembers nothing when there is no time: the guesses run', async () => {
  const store = memoryStore()
  const submit = vi.spyOn(gpu.device.queue, 'submit')
  const { choices, pipelines } = await tune(gpu, steps, store, { budgetMs: 0 })
  expect(submit).not.toHaveBeenCalled()
  expect([pipelines.size, store.entries.size]).toEqual([0, 0])
  for (const [first, chosen] of choices) expect(chosen).toBe(first)
  submit.mockRestore()
})

test('measures only the steps that are not remembered, the next time', async () => {
  const store = memoryStore()
  const all = await tune(gpu, steps, store, unhurried)
  const [[key, value] = ['', '']] = store.entries
  const [, second, third] = JSON.parse(value) as string[]
  store.entries.set(key, JSON.stringify([null, second, third]))
  const { choices, pipelines } = await tune(gpu, steps, store, unhurried)
  const [first, ...others] = steps.filter(({ length }) => length > 1)
  expect(new Set(pipelines.keys())).toEqual(new Set(first))
  for (const [guess] of others) expect(choices.get(guess)).toBe(all.choices.get(guess))
  expect(JSON.parse(store.entries.get(key) ?? '')).not.toContain(null)
})

test('what is fastest on rasterisers, where nothing is measured, comes first', () => {
  expect([kernels.matmul(SIZES), kernels.attention(HEAD)].map(([first]) => first.variant)).toEqual([
    'direct-16x16',
    'direct-16',
  ])
})

test.each([
  ['is broken', 'not JSON'],
  ['names an unknown variant', JSON.stringify(['1x1', '1x1', '1x1'])],
  ['is of another shape', '{}'],
])('measures again when what is remembered %s', async (_, value) => {
  const store = memoryStore()
  await tune(gpu, steps, store, unhurried)
  const [key = ''] = store.entries.keys()
  const good = store.entries.get(key)
  store.entries.set(key, value)
  const submit = vi.spyOn(gpu.device.queue, 'submit')
  await tune(gpu, steps, store, unhurried)
  expect(submit).toHaveBeenCalled()
  submit.mockRestore()
  expect(JSON.parse(store.entries.get(key) ?? '')).toHaveLength((JSON.parse(good ?? '') as string[]).length)
})

test('a store that fails does no harm', async () => {
  const broken = { get: () => Promise.reject(new Error('no')), set: () => Promise.reject(new Error('no')) }
  expect((await tune(gpu, steps, broken)).choices.size).toBeGreaterThan(0)
})

test('an abort stops the measuring', async () => {
  await failure(tune(gpu, steps, null, { signal: AbortSignal.abort('enough') }), 'ABORTED')
})

test('a load takes the remembered kernels, and gives the same bits with any of them', async () => {
  const model = await folderOf('tests/fixtures/models/siglip-f32')
  const picture = { pixels: testPixels(1, 56, 70) }
  const encode = async (tuning: TuningStore | boolean) => {
    using encoder = await VisionEncoder.load(model, {
      device: gpu.device,
      positions: 'navit',
      precision: 'f32',
      tuning,
    })
    return (await encoder.encode(picture)).tokens
  }
  const tokens = await encode(false)
  expect(await encode(true)).toEqual(tokens)
  const store = memoryStore()
  expect(await encode({ ...store, largeOnly: true })).toEqual(tokens)
  expect(store.entries.size).toBe(0)
  expect(await encode(store)).toEqual(tokens)

  const { software } = gpu.info
  const own = await KernelCatalog.open({ arithmetic: 'f32', matrix: null, software, ...LIMITS })
  const product = own.matmul({ ...SIZES, N: 64 })
  const ofBlock = [product, own.attention(HEAD), product, product, product] // qkv, attention, out, fc1, fc2
  const alternatives = ofBlock.filter(({ length }) => length > 1)
  for (const place of [0, -1]) {
    const remembered = JSON.stringify(alternatives.map((kernels) => kernels.at(place)?.variant))
    const set = vi.fn(() => Promise.resolve())
    expect(await encode({ get: () => Promise.resolve(remembered), set })).toEqual(tokens)
    expect(set).not.toHaveBeenCalled() // nothing was left to measure
  }
})
