/** Pictures of any kind through the encoder: the device's way gives the tokens of the CPU's way, and leaves nothing. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { VisionEncoder, type EncodeInput, type RawPixels } from '../../src/index.js'
import { preprocess } from '../../src/image/preprocess.js'
import { targetsOf } from '../../src/image/targets.js'
import { rgbOf } from '../../src/image/rgb.js'
import { folderOf } from '../support/checkpoint.js'
import { testGpu } from '../support/device.js'
import { failure } from '../support/failure.js'
import { random } from '../support/numbers.js'
import { watchedDevice, type Watched } from '../support/watch.js'

// Of a caller's device that does not say that it is a rasteriser: those keep the CPU's way.
const HARDWARE = { vendor: 'test', architecture: '', description: '', isFallbackAdapter: false }
const model = () => folderOf('tests/fixtures/models/siglip-f32')

let watched: Watched
let encoder: VisionEncoder
let compiled = 0

beforeAll(async () => {
  watched = await watchedDevice(await testGpu())
  Object.defineProperty(watched.device, 'adapterInfo', { value: HARDWARE })
  const compile = watched.device.createComputePipelineAsync.bind(watched.device)
  watched.device.createComputePipelineAsync = (descriptor) => {
    if (descriptor.label === 'resize') compiled++
    return compile(descriptor)
  }
  encoder = await VisionEncoder.load(await model(), {
    device: watched.device,
    precision: 'f32',
    positions: 'navit',
  })
})

afterAll(() => {
  encoder.dispose()
  expect(watched.live.size).toBe(0)
  watched.device.destroy()
})

function noise(width: number, height: number, channels: 3 | 4, seed: number): RawPixels {
  const next = random(seed)
  const data = Uint8Array.from({ length: width * height * channels }, () => Math.floor(next() * 256))
  return { width, height, data }
}

const SIZE = { size: { height: 28, width: 42 } }
const TARGET = { ...SIZE.size, filter: 'bicubic', rows: 1, columns: 1 } as const

function ready(picture: RawPixels): EncodeInput {
  const [pixels] = preprocess(rgbOf(picture), TARGET)
  if (!pixels) throw new Error('no piece')
  return { pixels }
}

test('a batch of pictures and of ready pixel values has the tokens of their pixel values', async () => {
  expect(compiled).toBe(0)
  const pictures = [noise(60, 33, 3, 1), noise(31, 80, 4, 2), noise(42, 28, 3, 3)] as const
  const expected = await encoder.encode(pictures.map(ready))
  expect(compiled).toBe(0)
  const [first, second, third] = pictures
  const actual = await encoder.encode([first, ready(second), third, second], SIZE)
  const tokens = expected.map((one) => one.tokens)
  expect(actual.map((one) => one.tokens)).toEqual([tokens[0], tokens[1], tokens[2], tokens[1]])
  expect(compiled).toBe(3)
})

test('calls that overlap keep their pictures, and leave no buffer', async () => {
  const pictures = Array.from({ length: 5 }, (_, i) => noise(50, 40, 3, i))
  const expected = await encoder.encode(pictures.map(ready))
  const together = () => Promise.all(pictures.map((picture) => encoder.encode(picture, SIZE)))
  expect((await together()).map((one) => one.tokens)).toEqual(expected.map((one) => one.tokens))
  const buffers = watched.live.size
  await together()
  expect([watched.live.size, encoder.gpuBuffers]).toEqual([buffers, buffers])
  expect(compiled).toBe(3)
})

test('a sliced picture is cut on the device, with the tokens of the slices cut on the CPU', async () => {
  const picture = noise(460, 440, 3, 5)
  const targets = await targetsOf(picture, { size: 'minicpm-v' })
  const pieces = targets.flatMap((target) => preprocess(rgbOf(picture), target))
  const expected = await encoder.encode(pieces.map((pixels) => ({ pixels })))
  const actual = await encoder.encode(picture, { size: 'minicpm-v' })
  expect(actual.length).toBe(3)
  for (const [i, { tokens, source }] of actual.entries()) {
    expect(source).toEqual([0, ...(pieces[i]?.place ?? [])])
    expect(tokens.findIndex((value, at) => value !== expected[i]?.tokens[at])).toBe(-1)
  }
  const buffers = watched.live.size
  await encoder.encode(picture, { size: 'minicpm-v' })
  expect(watched.live.size).toBe(buffers)
})

test('a sliced picture whose pieces have no positions is freed', async () => {
  using other = await VisionEncoder.load(await model(), { device: watched.device, positions: 'table' })
  const refused = () => failure(other.encode(noise(460, 440, 3, 5), { size: 'minicpm-v' }), 'BAD_POSITIONS')
  await refused()
  const buffers = watched.live.size
  await refused()
  expect(watched.live.size).toBe(buffers)
})

test('a picture that is refused or aborted frees the others of its call', async () => {
  await encoder.encode(noise(50, 40, 3, 1), SIZE)
  const buffers = watched.live.size
  const broken = { width: 5, height: 5, data: new Uint8Array(7) }
  await failure(encoder.encode([noise(50, 40, 3, 1), broken], SIZE), 'BAD_IMAGE')
  expect(watched.live.size).toBe(buffers)
  const controller = new AbortController()
  const running = encoder.encode(noise(50, 40, 3, 1), SIZE)
  const aborted = encoder.encode(noise(50, 40, 3, 2), { ...SIZE, signal: controller.signal })
  controller.abort()
  await failure(aborted, 'ABORTED')
  await running
  await encoder.encode(noise(50, 40, 3, 3), SIZE)
  expect(watched.live.size).toBe(buffers)
})

test.runIf(typeof VideoFrame === 'function')('frames of a video are left to the CPU', async () => {
  const canvas = new OffscreenCanvas(42, 28)
  canvas.getContext('2d')?.fillRect(3, 5, 20, 10)
  const frame = new VideoFrame(canvas, { timestamp: 0 })
  const textures = vi.spyOn(watched.device, 'createTexture')
  await encoder.encode(frame, SIZE)
  expect(textures).not.toHaveBeenCalled()
  await encoder.encode(canvas, SIZE)
  expect(textures).toHaveBeenCalled()
  frame.close()
})

test('pictures of a batch that the device refuses are freed', async () => {
  const small = await watchedDevice(await testGpu(), [], { maxStorageBufferBindingSize: 40_000 })
  Object.defineProperty(small.device, 'adapterInfo', { value: HARDWARE })
  using other = await VisionEncoder.load(await model(), { device: small.device, precision: 'f32', positions: 'navit' })
  const refused = () => failure(other.encode(noise(20, 20, 3, 1), { size: 70 }), 'LIMIT') // 58800 bytes of values
  await refused()
  const buffers = small.live.size
  await refused()
  expect(small.live.size).toBe(buffers)
})
