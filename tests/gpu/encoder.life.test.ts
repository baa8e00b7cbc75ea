/** The life of an encoder on a device: load and its failures, dispose, loss. No buffer may outlive any of it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { VisionEncoder, type LoadOptions, type ProgressEvent, type SovitErrorCode } from '../../src/index.js'
import { testPixels } from '../fixtures/pixels.js'
import { folderOf, withHeader, withValue, type Header } from '../support/checkpoint.js'
import { testGpu } from '../support/device.js'
import { failure } from '../support/failure.js'
import { fixtureBytes } from '../support/fixture.js'
import { watchedDevice, type Watched } from '../support/watch.js'

const FOLDER = 'tests/fixtures/models/siglip-f32'
const gpu = await testGpu()
const weights = await fixtureBytes(`${FOLDER}/model.safetensors`)
const model = await folderOf(FOLDER)
const hasF16 = (await gpu.requestAdapter())?.features.has('shader-f16') ?? false
const picture = { pixels: testPixels(1, 28, 42) }

/** One device for the loads that fail or end well; each test leaves no buffer on it. */
let watched: Watched
const load = (options: LoadOptions = {}, source = model) =>
  VisionEncoder.load(source, { device: watched.device, precision: 'f32', positions: 'navit', ...options })

beforeAll(async () => {
  watched = await watchedDevice(gpu, hasF16 ? ['shader-f16'] : [])
})

afterAll(() => {
  watched.device.destroy()
})

describe('load', () => {
  test('reports progress that never falls and ends at the total, ready last', async () => {
    const events: ProgressEvent[] = []
    using encoder = await load({ onProgress: (event) => events.push(event) })
    const total = encoder.load.weightBytes
    // Before the headers are read nobody knows how much there is; before the first byte of weights everybody does.
    const unknown = events.filter((event) => event.total === 0)
    expect(unknown).toMatchObject([{ status: 'initiate', phase: 'header', file: '', loaded: 0, progress: 0 }])
    expect(events.slice(1).every((event) => event.total === total)).toBe(true)
    expect(events[1]).toMatchObject({ status: 'done', phase: 'header', loaded: 0 })
    expect(events.map(({ loaded }) => loaded)).toEqual(events.map(({ loaded }) => loaded).sort((a, b) => a - b))
    expect(events.map(({ progress }) => progress)).toEqual(events.map(({ loaded }) => (loaded / total) * 100))
    expect(events.at(-1)).toMatchObject({ status: 'ready', phase: 'ready', loaded: total, progress: 100 })
    const reading = events.slice(2)
    const statuses = reading.map(({ status }) => status)
    expect(statuses.filter((status) => status !== 'progress')).toEqual(['initiate', 'download', 'done', 'ready'])
    expect([...new Set(reading.map(({ phase }) => phase))]).toEqual(['download', 'upload', 'compile', 'ready'])
    expect(reading.every(({ file }) => file === 'model.safetensors')).toBe(true)
  })

  test("five loads and disposes leave nothing on a caller's device, which lives on", async () => {
    const tokens: Float32Array[] = []
    for (let i = 0; i < 5; i++) {
      const encoder = await load()
      tokens.push((await encoder.encode(picture)).tokens)
      expect(watched.live.size).toBe(encoder.gpuBuffers)
      expect([...watched.live].reduce((bytes, { size }) => bytes + size, 0)).toBe(encoder.gpuBytes)
      encoder.dispose()
      expect([encoder.gpuBuffers, encoder.gpuBytes, watched.live.size]).toEqual([0, 0, 0])
    }
    expect(tokens).toEqual(Array(5).fill(tokens[0]))
    watched.device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE }).destroy()
  })

  test('aborted before it starts', async () => {
    const error = await failure(load({ signal: AbortSignal.abort('no') }), 'ABORTED')
    expect([error.name, error.cause]).toEqual(['AbortError', 'no'])
    expect(watched.live.size).toBe(0)
  })

  test.each([
    ['first', 1],
    ['last', 0],
  ])('aborted at the %s progress event of the weights', async (_, at) => {
    const seen: ProgressEvent[] = []
    using whole = await load({ onProgress: (event) => seen.push(event) })
    whole.dispose()
    const count = seen.filter(({ status }) => status === 'progress').length
    const controller = new AbortController()
    const reason = new Error('no')
    let events = 0
    const onProgress = ({ status }: ProgressEvent) => {
      if (status === 'progress' && ++events === (at || count)) controller.abort(reason)
    }
    const error = await failure(load({ signal: controller.signal, onProgress }), 'ABORTED')
    expect([error.name, error.cause]).toEqual(['AbortError', reason])
    expect(watched.live.size).toBe(0)
  })

  const NORM = 'vision_model.encoder.layers.1.layer_norm2.weight'
  const renamed = (header: Header) => {
    header['other.weight'] = header[NORM] ?? { dtype: '', shape: [], data_offsets: [0, 0] }
    Reflect.deleteProperty(header, NORM)
  }
  test.each<[string, SovitErrorCode, ArrayBuffer]>([
    ['a tensor is missing', 'TENSOR_MISSING', withHeader(weights, renamed)],
    [
      'a tensor has another shape',
      'TENSOR_SHAPE',
      withHeader(weights, (header) => {
        if (header[NORM]) header[NORM].shape = [32, 2]
      }),
    ],
  ])('refused when %s, before any buffer is made', async (_, code, bytes) => {
    const made = watched.made()
    const { message } = await failure(load({}, await folderOf(FOLDER, bytes)), code)
    expect(message).toContain(NORM)
    expect(message).toContain('[64]')
    expect(watched.made()).toBe(made)
  })

  test('a source that fails half-way leaves no buffer', async () => {
    const [config, file] = model
    if (!config || !file) throw new Error('no files')
    // A file of the right size whose weights cannot be read any more.
    const broken = new File([file], file.name)
    const slice = broken.slice.bind(broken)
    broken.slice = (begin = 0, end = 0) => (end - begin > 100_000 ? new Blob([]) : slice(begin, end))
    const made = watched.made()
    await failure(load({}, [config, broken]), 'TRUNCATED')
    expect(watched.made()).toBeGreaterThan(made)
    expect(watched.live.size).toBe(0)
  })

  test('weights lie side by side in one buffer, or in as many as the device allows, with the same bits', async () => {
    // The patch embedding, the largest, has 150528 bytes.
    const small = await watchedDevice(gpu, [], { maxBufferSize: 160_000 })
    using encoder = await load()
    using split = await load({ device: small.device })
    expect(encoder.gpuBuffers).toBe(1)
    expect(split.gpuBuffers).toBeGreaterThan(2)
    for (const { gpuBytes, load } of [encoder, split]) {
      expect(gpuBytes).toBeGreaterThanOrEqual(load.weightBytes)
      expect(gpuBytes).toBeLessThan(load.weightBytes + 256 * 50)
    }
    expect((await split.encode(picture)).tokens).toEqual((await encoder.encode(picture)).tokens)
    split.dispose()
    small.device.destroy()
  })

  test('a weight that the device has no room for is an error with both numbers', async () => {
    const small = await watchedDevice(gpu, [], { maxBufferSize: 20_000 })
    // The patch embedding is the largest: 64·588 f32 values.
    const { message } = await failure(load({ device: small.device }), 'LIMIT')
    expect(message).toContain(String(64 * 588 * 4))
    expect(message).toContain('20000')
    expect(small.live.size).toBe(0)
    small.device.destroy()
  })

  test('precision f16 without the feature is refused, auto takes f32', async () => {
    const plain = await watchedDevice(gpu)
    await failure(load({ device: plain.device, precision: 'f16' }), 'NO_FEATURE')
    expect(plain.live.size).toBe(0)
    using encoder = await load({ device: plain.device, precision: 'auto' })
    expect(encoder.precision).toBe('f32')
  })

  test.runIf(hasF16)('a weight beyond f16 is an error that names it; auto falls back to f32', async () => {
    const name = 'vision_model.encoder.layers.0.mlp.fc1.weight'
    const source = await folderOf(FOLDER, withValue(weights, name, 7, 1e6))
    const { message } = await failure(load({ precision: 'f16' }, source), 'F16_OVERFLOW')
    expect(message).toContain(name.replace('vision_model.', ''))
    expect(watched.live.size).toBe(0)
    using encoder = await load({ precision: 'auto' }, source)
    expect(encoder.precision).toBe('f32')
    expect(watched.live.size).toBe(encoder.gpuBuffers)
    expect((await encoder.encode(picture)).tokens.every(Number.isFinite)).toBe(true)
  })

  test('without WebGPU, or without an adapter, it says so', async () => {
    const none = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU
    await failure(VisionEncoder.load(model, { gpu: none }), 'NO_ADAPTER')
    expect(await VisionEncoder.support({ gpu: none })).toMatchObject({ ok: false, code: 'NO_ADAPTER' })
    vi.stubGlobal('navigator', {})
    try {
      await failure(VisionEncoder.load(model), 'NO_WEBGPU')
      expect(await VisionEncoder.support()).toMatchObject({ ok: false, code: 'NO_WEBGPU' })
    } finally {
      vi.unstubAllGlobals()
    }
    expect(await VisionEncoder.support({ gpu })).toMatchObject({ ok: true })
  })

  test('positions of the table serve its own grid only', async () => {
    using encoder = await load({ positions: 'table' })
    const { message } = await failure(encoder.encode(picture), 'BAD_POSITIONS')
    expect(message).toContain('2×3')
    expect(message).toContain('5×5')
    expect((await encoder.encode({ pixels: testPixels(1, 70, 70) })).grid).toEqual([5, 5])
  })
})

describe('dispose', () => {
  /** WebGPU reports the use of a destroyed buffer here, and nowhere else. */
  const complaints: string[] = []
  const complain = ({ error }: GPUUncapturedErrorEvent) => void complaints.push(error.message)
  beforeEach(() => {
    complaints.length = 0
    watched.device.addEventListener('uncapturederror', complain)
  })
  afterEach(async () => {
    await watched.device.queue.onSubmittedWorkDone()
    watched.device.removeEventListener('uncapturederror', complain)
    expect(complaints).toEqual([])
    expect(watched.live.size).toBe(0)
  })

  test('fails pending, queued and later encodes', async () => {
    const encoder = await load()
    const pending = [encoder.encode(picture), encoder.encode(picture)].map((work) => failure(work, 'DISPOSED'))
    encoder.dispose()
    encoder.dispose()
    await failure(encoder.encode(picture), 'DISPOSED')
    await Promise.all(pending)
    expect([encoder.gpuBuffers, encoder.gpuBytes]).toEqual([0, 0])
  })

  test.each(['cpu', 'gpu'] as const)('while the device works for the %s', async (output) => {
    const { queue } = watched.device
    const encoder = await load()
    const submit = vi.spyOn(queue, 'submit').mockImplementation((commands) => {
      GPUQueue.prototype.submit.call(queue, commands)
      queueMicrotask(() => encoder.dispose())
    })
    await failure(encoder.encode(picture, { output }), 'DISPOSED')
    expect(submit).toHaveBeenCalledOnce()
    submit.mockRestore()
  })

  test('at any earlier moment of an encode', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const encoder = await load()
      const encode = failure(encoder.encode(picture, { output: 'gpu', hiddenStates: true }), 'DISPOSED')
      for (let i = 0; i < turns; i++) await Promise.resolve()
      encoder.dispose()
      await encode
    }
  })

  test('tokens left on the GPU outlive the encoder', async () => {
    const { device, live } = watched
    const encoder = await load()
    const { buffer } = await encoder.encode(picture, { output: 'gpu' })
    encoder.dispose()
    expect([...live]).toEqual([buffer])
    device.pushErrorScope('validation')
    const commands = device.createCommandEncoder()
    if (buffer) commands.clearBuffer(buffer)
    device.queue.submit([commands.finish()])
    expect(await device.popErrorScope()).toBeNull()
    buffer?.destroy()
  })

  test('`using` disposes', async () => {
    {
      using encoder = await load()
      expect(watched.live.size).toBe(encoder.gpuBuffers)
    }
    expect(watched.live.size).toBe(0)
  })
})

describe('a lost device', () => {
  test.each(['before', 'during'])('%s an encode is DEVICE_LOST, and nothing is left', async (when) => {
    const { device, live } = await watchedDevice(gpu)
    using encoder = await load({ device })
    if (when === 'before') device.destroy()
    const encode = failure(encoder.encode(picture), 'DEVICE_LOST')
    if (when === 'during') device.destroy()
    await encode
    await failure(encoder.encode(picture), 'DEVICE_LOST')
    encoder.dispose()
    expect(live.size).toBe(0)
  })

  test('during a load is DEVICE_LOST, and nothing is left', async () => {
    const { device, live } = await watchedDevice(gpu)
    await failure(load({ device, onProgress: () => device.destroy() }), 'DEVICE_LOST')
    expect(live.size).toBe(0)
  })
})
