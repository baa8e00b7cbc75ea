/** What a stream of pictures costs beside the kernels: nothing is made twice, and no step waits for the CPU. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { VisionEncoder, type EncodeInput } from '../../src/index.js'
import { testPixels } from '../fixtures/pixels.js'
import { folderOf } from '../support/checkpoint.js'
import { testGpu } from '../support/device.js'
import { failure } from '../support/failure.js'
import { watchedDevice, type Watched } from '../support/watch.js'

const gpu = await testGpu()
const model = await folderOf('tests/fixtures/models/siglip-f32')
const STEPS = 1 + 2 * 7 + 1
const timestamps = Boolean((await gpu.requestAdapter())?.features.has('timestamp-query'))

const picture = (seed: number): EncodeInput => ({ pixels: testPixels(seed, 28, 42) })

let watched: Watched
let encoder: VisionEncoder

beforeAll(async () => {
  watched = await watchedDevice(gpu, timestamps ? ['timestamp-query'] : [])
  encoder = await VisionEncoder.load(model, { device: watched.device, precision: 'f32', positions: 'navit' })
})

afterAll(() => {
  encoder.dispose()
  expect(watched.live.size).toBe(0)
  watched.device.destroy()
})

test('a warm encode makes no GPU object but its commands, and writes nothing but pixels', async () => {
  const { device } = watched
  await encoder.encode([picture(1), picture(2)])
  const makers = Object.getOwnPropertyNames(GPUDevice.prototype).filter((name) => /^(create|push)/.test(name))
  expect(makers.length).toBeGreaterThan(10)
  const made = makers
    .filter((name) => name !== 'createCommandEncoder')
    .map((name) => vi.spyOn(device, name as 'createBuffer'))
  const submit = vi.spyOn(device.queue, 'submit')
  const write = vi.spyOn(device.queue, 'writeBuffer')
  const passes = vi.spyOn(GPUCommandEncoder.prototype, 'beginComputePass')
  try {
    await encoder.encode([picture(3), picture(4)])
    for (const spy of made) expect(spy).not.toHaveBeenCalled()
    expect(write.mock.calls.map(([buffer]) => buffer.label)).toEqual(['pixels', 'pixels'])
    expect(passes).toHaveBeenCalledOnce()
    expect(submit).toHaveBeenCalledOnce()
  } finally {
    for (const spy of [...made, submit, write, passes]) spy.mockRestore()
  }
})

/** Lets nothing be read until `release` is called. */
function holdReads(): { readonly release: () => void } {
  let open = (): void => undefined
  const held = new Promise<void>((resolve) => (open = resolve))
  // eslint-disable-next-line @typescript-eslint/unbound-method -- applied to the buffer below
  const map = GPUBuffer.prototype.mapAsync
  const spy = vi.spyOn(GPUBuffer.prototype, 'mapAsync').mockImplementation(async function (this: GPUBuffer, ...range) {
    await held
    return map.apply(this, range)
  })
  const release = (): void => {
    spy.mockRestore()
    open()
  }
  return { release }
}

test('the next picture is submitted before the last is read, two at most', async () => {
  const { queue } = watched.device
  const alone: Float32Array[] = []
  for (const seed of [1, 2, 3, 4]) alone.push((await encoder.encode(picture(seed))).tokens)

  const submit = vi.spyOn(queue, 'submit')
  const { release } = holdReads()
  const encodings = Promise.all([1, 2, 3, 4].map((seed) => encoder.encode(picture(seed))))
  await vi.waitFor(() => expect(submit).toHaveBeenCalledTimes(2))
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(submit).toHaveBeenCalledTimes(2)
  release()
  expect((await encodings).map(({ tokens }) => tokens)).toEqual(alone)
  expect(submit).toHaveBeenCalledTimes(4)
  submit.mockRestore()
})

test('an abort takes effect while the call still waits for its turn', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const { release } = holdReads()
  const submitted = [encoder.encode(picture(1)), encoder.encode(picture(2))]
  // The third waits for one of them to be read, the fourth behind it.
  const waiting = failure(encoder.encode(picture(3), { signal }), 'ABORTED')
  const behind = failure(encoder.encode(picture(3), { signal }), 'ABORTED')
  await watched.device.queue.onSubmittedWorkDone()
  controller.abort('enough')
  expect((await behind).cause).toBe('enough')
  release()
  await waiting
  await Promise.all(submitted)
  expect((await encoder.encode(picture(1))).dims).toEqual([6, 64])
})

test.skipIf(!timestamps)('a profile times every step, and gpuTime the whole', async () => {
  await encoder.encode({ pixels: testPixels(1, 280, 420) })
  const buffers = encoder.gpuBuffers
  const steps = await encoder.profile({ pixels: testPixels(1, 280, 420) })
  expect(steps.length).toBe(STEPS)
  expect(steps.map(({ label }) => label)).toContain('layer.1/attention')
  for (const { ms, flops } of steps) {
    expect(ms).toBeGreaterThanOrEqual(0) // rounded to 65 µs, which a small step does not reach
    expect(ms).toBeLessThan(10_000)
    expect(flops).toBeGreaterThan(0)
  }
  expect(steps.reduce((sum, { ms }) => sum + ms, 0)).toBeGreaterThan(0.1)
  const { gpuMs } = await encoder.encode({ pixels: testPixels(1, 280, 420) }, { gpuTime: true })
  expect(gpuMs).toBeGreaterThan(0.1)
  expect(encoder.gpuBuffers).toBe(buffers)
})

test('times without the feature are refused', async () => {
  const { device } = await watchedDevice(gpu)
  using plain = await VisionEncoder.load(model, { device, precision: 'f32', positions: 'navit' })
  const { message } = await failure(plain.profile(picture(1)), 'NO_FEATURE')
  expect(message).toContain('timestamp-query')
  await failure(plain.encode(picture(1), { gpuTime: true }), 'NO_FEATURE')
})
