/** What encode promises on a real device: order, packing, queueing, memory, aborting. Values: encoder.golden.test.ts. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VisionEncoder, type EncodeInput } from '../../src/index.js'
import { testPixels } from '../fixtures/pixels.js'
import { folderOf } from '../support/checkpoint.js'
import { testGpu } from '../support/device.js'
import { failure } from '../support/failure.js'
import { watchedDevice, type Watched } from '../support/watch.js'

const gpu = await testGpu()
const model = await folderOf('tests/fixtures/models/siglip-f32')
const WIDTH = 64
const LAYERS = 2

/** Ready pixel values of rows×columns patches of 14×14. */
const picture = (seed: number, rows: number, columns: number): EncodeInput => ({
  pixels: testPixels(seed, rows * 14, columns * 14),
})
const pictures = [picture(1, 2, 3), picture(2, 1, 1), picture(3, 3, 2), picture(4, 5, 1)]

let watched: Watched
let encoder: VisionEncoder
/** Each of `pictures` encoded alone. */
const alone: Float32Array[] = []

beforeAll(async () => {
  watched = await watchedDevice(gpu)
  encoder = await VisionEncoder.load(model, { device: watched.device, precision: 'f32', positions: 'navit' })
  for (const one of pictures) alone.push((await encoder.encode(one)).tokens)
})

afterAll(() => {
  encoder.dispose()
  expect(watched.live.size).toBe(0)
  watched.device.destroy()
})

async function readFloats(device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ })
  const commands = device.createCommandEncoder()
  commands.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size)
  device.queue.submit([commands.finish()])
  await staging.mapAsync(GPUMapMode.READ)
  const copy = new Float32Array(staging.getMappedRange().slice(0))
  staging.destroy()
  return copy
}

test('a packed batch gives each picture the bits it has alone, in order', async () => {
  const batch = await encoder.encode(pictures)
  expect(batch.map(({ grid }) => grid)).toEqual([
    [2, 3],
    [1, 1],
    [3, 2],
    [5, 1],
  ])
  expect(batch.map(({ tokens }) => tokens)).toEqual(alone)
  expect(new Set(alone.map((tokens) => tokens.join())).size).toBe(pictures.length)
})

test('the same picture twice gives the same bits', async () => {
  expect((await encoder.encode(picture(1, 2, 3))).tokens).toEqual(alone[0])
})

test('a batch beyond the limits of the device is cut, with the same bits', async () => {
  // 3·C f32 values a row make the widest buffer: 40 rows, or 7680 pixel values, which are 13 patches.
  const maxStorageBufferBindingSize = 40 * 3 * WIDTH * 4
  const { device } = await watchedDevice(gpu, [], { maxStorageBufferBindingSize })
  using small = await VisionEncoder.load(model, { device, precision: 'f32', positions: 'navit' })
  let submits = 0
  const submit = device.queue.submit.bind(device.queue)
  device.queue.submit = (commands) => {
    submits++
    submit(commands)
  }
  expect((await small.encode(pictures)).map(({ tokens }) => tokens)).toEqual(alone)
  expect(submits).toBe(2)
  const { message } = await failure(small.encode(picture(1, 5, 5)), 'LIMIT')
  expect(message).toContain(String(3 * 70 * 70))
  expect(message).toContain('7680')
  device.destroy()
})

test('hidden states: the embeddings and every block, each once, before the final norm', async () => {
  const before = encoder.gpuBuffers
  const [first, second] = await encoder.encode([picture(1, 2, 3), picture(2, 1, 1)], { hiddenStates: true })
  expect(first?.hiddenStates?.map(({ length }) => length)).toEqual(Array(LAYERS + 1).fill(6 * WIDTH))
  expect(second?.hiddenStates?.map(({ length }) => length)).toEqual(Array(LAYERS + 1).fill(WIDTH))
  const single = await encoder.encode(picture(1, 2, 3), { hiddenStates: true })
  expect(first?.hiddenStates).toEqual(single.hiddenStates)
  expect(new Set(single.hiddenStates?.map((state) => state.join())).size).toBe(LAYERS + 1)
  expect(single.tokens).toEqual(alone[0])
  expect((await encoder.encode(picture(1, 2, 3))).hiddenStates).toBeUndefined()
  expect(encoder.gpuBuffers).toBe(before)
})

test("output 'gpu' hands over a buffer with the same bytes, one a picture", async () => {
  const { device, live } = watched
  const before = encoder.gpuBuffers
  const results = await encoder.encode(pictures, { output: 'gpu' })
  expect(encoder.gpuBuffers).toBe(before)
  expect(live.size).toBe(before + pictures.length)
  for (const [i, { tokens, buffer, dims }] of results.entries()) {
    if (!buffer) throw new Error('no buffer')
    expect(tokens.length).toBe(0)
    expect(buffer.size).toBe(dims[0] * dims[1] * 4)
    expect(await readFloats(device, buffer)).toEqual(alone[i])
    buffer.destroy()
  }
  expect(live.size).toBe(before)
})

test('concurrent calls queue, each with the bits it has alone', async () => {
  const results = await Promise.all(pictures.map((one) => encoder.encode(one)))
  expect(results.map(({ tokens }) => tokens)).toEqual(alone)
})

test('a warm encode makes no buffer', async () => {
  await encoder.encode(pictures)
  const [made, buffers, bytes] = [watched.made(), encoder.gpuBuffers, encoder.gpuBytes]
  await encoder.encode(pictures)
  await encoder.encode(picture(5, 4, 4))
  expect([watched.made(), encoder.gpuBuffers, encoder.gpuBytes]).toEqual([made, buffers, bytes])
  expect(watched.live.size).toBe(buffers)
})

test('an encode aborted before it starts is an AbortError with the reason as its cause', async () => {
  const reason = new Error('changed my mind')
  const error = await failure(encoder.encode(pictures, { signal: AbortSignal.abort(reason) }), 'ABORTED')
  expect(error.name).toBe('AbortError')
  expect(error.cause).toBe(reason)
})

test('a queued encode can be aborted alone', async () => {
  const controller = new AbortController()
  const buffers = encoder.gpuBuffers
  const first = encoder.encode(picture(1, 2, 3))
  const second = encoder.encode(pictures, { signal: controller.signal, output: 'gpu' })
  const third = encoder.encode(picture(2, 1, 1))
  controller.abort('enough')
  const error = await failure(second, 'ABORTED')
  expect(error.cause).toBe('enough')
  expect((await first).tokens).toEqual(alone[0])
  expect((await third).tokens).toEqual(alone[1])
  expect(encoder.gpuBuffers).toBe(buffers)
  expect(watched.live.size).toBe(buffers)
})

test.each([
  ['a value is not a number', { data: new Float32Array(588).fill(NaN, 7, 8), width: 14, height: 14 }, 'BAD_IMAGE'],
  ['values are missing', { data: new Float32Array(587), width: 14, height: 14 }, 'BAD_IMAGE'],
  ['there is no whole patch', { data: new Float32Array(3 * 13 * 14), width: 13, height: 14 }, 'IMAGE_SIZE'],
] as const)('pixel values are refused when %s, and the next encode works', async (_, pixels, code) => {
  await failure(encoder.encode([picture(1, 2, 3), { pixels }]), code)
  expect((await encoder.encode(picture(1, 2, 3))).tokens).toEqual(alone[0])
})

test('pixels beyond the last whole patch are not looked at', async () => {
  const { data } = testPixels(1, 28, 42)
  const [height, width] = [28 + 5, 42 + 9]
  const padded = new Float32Array(3 * height * width).fill(9)
  for (let row = 0; row < 3 * 28; row++) {
    const plane = Math.floor(row / 28)
    padded.set(data.subarray(row * 42, row * 42 + 42), (plane * height + (row % 28)) * width)
  }
  expect((await encoder.encode({ pixels: { data: padded, width, height } })).tokens).toEqual(alone[0])
})
