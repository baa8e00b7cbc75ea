/** Pictures resized on the device, against the CPU path, which unit tests hold to Pillow: equal in every bit. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Gpu } from '../../src/gpu/device.js'
import { withDecoded } from '../../src/image/decode.js'
import { toRgb } from '../../src/image/rgb.js'
import { GpuResizer } from '../../src/image/gpu-resize.js'
import { preprocess } from '../../src/image/preprocess.js'
import { targetsOf } from '../../src/image/targets.js'
import type {
  DecodedPicture,
  ImageInput,
  PreprocessOptions,
  RawPixels,
  Resample,
  Target,
} from '../../src/image/types.js'
import { testGpu } from '../support/device.js'
import { fixtureBytes, fixtureJson } from '../support/fixture.js'
import { random } from '../support/numbers.js'
import { watchedDevice, type Watched } from '../support/watch.js'

const FILTERS: readonly Resample[] = ['bicubic', 'bilinear']
const FOLDER = 'tests/fixtures/images'
const GUARD = 64

let watched: Watched
let gpu: Gpu
let resizer: GpuResizer
beforeAll(async () => {
  watched = await watchedDevice(await testGpu())
  gpu = await Gpu.open({ device: watched.device })
  resizer = new GpuResizer(gpu)
})
afterAll(() => {
  gpu.dispose()
  expect([watched.live.size, watched.liveTextures.size]).toEqual([0, 0])
  watched.device.destroy()
})

/** Where the targets come from: `targetsOf`, unless a test has its own. */
type TargetsOf = (picture: DecodedPicture, options: PreprocessOptions) => Promise<readonly Target[]>

/** What the device writes of all pieces, and what stands before, between and after them. */
async function onDevice(input: ImageInput, options: PreprocessOptions, targetsOf: TargetsOf): Promise<Uint32Array> {
  const { device } = watched
  device.pushErrorScope('validation')
  const pieces = await withDecoded(input, {}, async (picture) => {
    const targets = await targetsOf(picture, options)
    expect(await resizer.takes(picture, targets)).toBe(true)
    return resizer.resize(picture, targets)
  })
  const values = pieces.reduce((sum, { data }) => sum + data.length + GUARD, GUARD)
  const words = new Uint32Array(values).fill(0x7fc0dead)
  const pixels = device.createBuffer({ size: words.byteLength, usage: STORAGE() })
  device.queue.writeBuffer(pixels, 0, words)
  let first = GUARD
  for (const { data } of pieces) {
    data.write(pixels, first)
    first += data.length + GUARD
  }
  const written = await readWords(device, pixels)
  pixels.destroy()
  expect(await device.popErrorScope()).toBeNull()
  return written
}

/** One piece of `width`×`height`. */
function whole(width: number, height: number, filter: Resample = 'bicubic'): Target[] {
  return [{ width, height, filter, rows: 1, columns: 1 }]
}

async function resizeOne(picture: DecodedPicture, [target]: readonly Target[]) {
  const [piece] = await resizer.resize(picture, target ? [target] : [])
  if (!piece) throw new Error('no piece')
  return piece.data
}

const STORAGE = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC

async function readWords(device: GPUDevice, buffer: GPUBuffer): Promise<Uint32Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ })
  const commands = device.createCommandEncoder()
  commands.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size)
  device.queue.submit([commands.finish()])
  await staging.mapAsync(GPUMapMode.READ)
  const words = new Uint32Array(staging.getMappedRange().slice(0))
  staging.destroy()
  return words
}

/** The CPU path's bits between the guards. */
async function onCpu(input: ImageInput, options: PreprocessOptions, targetsOf: TargetsOf): Promise<Uint32Array> {
  const image = await toRgb(input)
  const pieces = (await targetsOf(image, options)).flatMap((target) => preprocess(image, target))
  const values = pieces.reduce((sum, { data }) => sum + data.length + GUARD, GUARD)
  const words = new Uint32Array(values).fill(0x7fc0dead)
  let first = GUARD
  for (const { data } of pieces) {
    words.set(new Uint32Array(data.buffer), first)
    first += data.length + GUARD
  }
  return words
}

/** Compares words one by one: `toEqual` of a million of them takes seconds. */
async function expectEqual(input: ImageInput, options: PreprocessOptions, of: TargetsOf = targetsOf): Promise<void> {
  const [actual, expected] = [await onDevice(input, options, of), await onCpu(input, options, of)]
  expect(actual.length).toBe(expected.length)
  const wrong = actual.findIndex((word, i) => word !== expected[i])
  const seen = `word ${wrong} of ${actual.length}: ${actual[wrong]} instead of ${expected[wrong]}`
  expect(wrong, seen).toBe(-1)
}

/** Half of the bytes at the ends, where the bicubic overshoots and is clamped. */
function noise(width: number, height: number, channels: 3 | 4, seed: number): RawPixels {
  const next = random(seed)
  const byte = () => (next() < 0.5 ? (next() < 0.5 ? 0 : 255) : Math.floor(next() * 256))
  return { width, height, data: Uint8Array.from({ length: width * height * channels }, byte) }
}

const SIZES: readonly (readonly [from: readonly [number, number], to: readonly [number, number]])[] = [
  [[64, 48], [28, 14]], // down
  [[20, 15], [56, 70]], // up
  [[40, 30], [40, 30]], // as it is
  [[40, 30], [40, 15]], // one axis only
  [[40, 30], [17, 30]],
  [[50, 40], [70, 15]], // wider and lower
  [[15, 90], [70, 20]], // the columns first
  [[60, 100], [59, 98]], // 2 rows fewer, 1 column fewer: the rows first
  [[60, 100], [59, 97]], // 3 rows fewer: the columns first
  [[1, 1], [14, 28]],
  [[1, 77], [14, 14]],
  [[77, 1], [14, 14]],
  [[3000, 2], [16, 16]],
  [[3, 2000], [16, 16]],
  [[65, 33], [15, 17]], // rows that no texture has without padding
] // prettier-ignore

describe.each(FILTERS)('random bytes, %s', (resample) => {
  test.each(SIZES)('%j to %j', async ([width, height], [toWidth, toHeight]) => {
    const options = { resample, patch: 1, size: { width: toWidth, height: toHeight } }
    for (const channels of [3, 4] as const) await expectEqual(noise(width, height, channels, width), options)
  })

  test('sizes of all kinds', async () => {
    const next = random(resample.length)
    const side = () => 1 + Math.floor(120 ** next())
    for (let i = 0; i < 40; i++) {
      const options = { resample, patch: 1, size: { width: side(), height: side() } }
      await expectEqual(noise(side(), side(), i % 2 ? 3 : 4, i), options)
    }
  })
})

test('a photograph’s size to 448×448', () => expectEqual(noise(2000, 1500, 3, 7), {}))

test('native, and a view into a larger buffer', async () => {
  await expectEqual(noise(301, 200, 4, 8), { size: 'native', limit: 140 })
  const { data, ...size } = noise(31, 20, 3, 9)
  const larger = new Uint8Array(data.length + 12)
  larger.set(data, 5)
  await expectEqual({ ...size, data: larger.subarray(5, 5 + data.length) }, { size: 28 })
})

describe('cut into cells', () => {
  /** Grids over a size that makes the rows, or the columns, the first pass. */
  test.each([
    ['the rows first', [70, 50], [90, 60]],
    ['the columns first', [40, 130], [60, 36]],
    ['as it is', [60, 36], [60, 36]],
  ] as const)('%s', async (_, [width, height], [toWidth, toHeight]) => {
    for (const [rows, columns] of [
      [2, 3],
      [3, 2],
      [1, 5],
      [4, 1],
      [3, 3],
    ] as const) // prettier-ignore
    {
      const to: Target = { width: toWidth, height: toHeight, filter: 'bicubic', rows, columns }
      const targets = () => Promise.resolve([...whole(20, 15, 'bilinear'), to])
      for (const channels of [3, 4] as const) await expectEqual(noise(width, height, channels, rows), {}, targets)
    }
  })

  test('as MiniCPM-V does', () => expectEqual(noise(700, 520, 3, 5), { size: 'minicpm-v' }))

  test('strips are freed with the last of their cells, however it ends', async () => {
    const { count } = gpu.memory
    const cut: Target = { width: 28, height: 42, filter: 'bicubic', rows: 3, columns: 2 }
    const [first, ...others] = await resizer.resize(noise(50, 40, 3, 1), [cut])
    const tables = gpu.memory.count - count - 2 // of two columns
    const pixels = watched.device.createBuffer({ size: 3 * 14 * 14 * 4, usage: STORAGE() })
    first?.data.write(pixels, 0)
    first?.data.free() // as an encode does with all that it has written
    for (const [i, { data }] of others.entries()) {
      expect(gpu.memory.count).toBe(count + tables + (i < 4 ? 2 : 1))
      data.free()
    }
    expect(gpu.memory.count).toBe(count + tables)
    pixels.destroy()
  })
})

test.each(['shapes.png', 'rgb8-exif6.png', 'rgba8-transparent.png', 'grey-alpha16.png', 'palette4-trns.png'])(
  '%s',
  async (file) => expectEqual(await fixtureBytes(`${FOLDER}/${file}`), {}),
)

test('bytes may change as soon as the first pass is submitted', async () => {
  const picture = noise(50, 40, 3, 10)
  const expected = await onCpu(picture, { size: 28 }, targetsOf)
  const source = await resizeOne(picture, whole(28, 28))
  picture.data.fill(0)
  const pixels = watched.device.createBuffer({ size: source.length * 4, usage: STORAGE() })
  source.write(pixels, 0)
  expect(await readWords(watched.device, pixels)).toEqual(expected.subarray(GUARD, -GUARD))
  pixels.destroy()
})

test('several pictures half made, of one size and of many, keep apart', async () => {
  const pictures = Array.from({ length: 12 }, (_, i) => noise(30 + (i >> 1), 40, 3, i))
  const sources = await Promise.all(pictures.map((picture) => resizeOne(picture, whole(28, 28))))
  const values = 3 * 28 * 28
  const pixels = watched.device.createBuffer({ size: sources.length * values * 4, usage: STORAGE() })
  sources.forEach((source, i) => source.write(pixels, i * values))
  const words = await readWords(watched.device, pixels)
  for (const [i, picture] of pictures.entries()) {
    const expected = (await onCpu(picture, { size: 28 }, targetsOf)).subarray(GUARD, -GUARD)
    expect(words.subarray(i * values, (i + 1) * values)).toEqual(expected)
  }
  pixels.destroy()
})

test('buffers of pictures are freed, tables of the last sizes stay', async () => {
  await expectEqual(noise(30, 40, 3, 1), { size: 28 })
  const [bytes, count] = [gpu.memory.bytes, gpu.memory.count]
  const made = watched.made()
  const picture = noise(30, 40, 3, 2)
  const source = await resizeOne(picture, whole(28, 28))
  expect(gpu.memory.count).toBe(count + 1)
  source.free()
  expect([gpu.memory.bytes, gpu.memory.count]).toEqual([bytes, count])
  expect(watched.live.size).toBe(count)
  expect(watched.made()).toBe(made + 2)
  for (let side = 1; side < 30; side++) {
    ;(await resizeOne(noise(side, 3, 3, side), whole(14, 14, 'bilinear'))).free()
  }
  // Of 8 sizes, two passes with two tables each, and what bytes become.
  expect(gpu.memory.count).toBe(8 * 4 + 1)
})

test('what exceeds a limit, and shared memory, are left to the CPU', async () => {
  const to = whole(14, 14)
  const small = await watchedDevice(await testGpu(), [], { maxStorageBufferBindingSize: 4096 })
  const other = new GpuResizer(await Gpu.open({ device: small.device }))
  expect(await other.takes(noise(37, 36, 3, 1), to)).toBe(true) // 3996 bytes
  expect(await other.takes(noise(37, 37, 3, 1), to)).toBe(false) // 4107 bytes
  expect(await other.takes(noise(33, 32, 4, 1), to)).toBe(false)
  expect(await other.takes(noise(1, 80, 3, 1), whole(14, 80))).toBe(false) // 4480 bytes between the passes
  small.device.destroy()
  if (typeof SharedArrayBuffer === 'undefined') return
  const shared = { width: 2, height: 2, data: new Uint8Array(new SharedArrayBuffer(12)) }
  expect(await resizer.takes(shared, to)).toBe(false)
})

interface Lossy {
  readonly lossy: readonly { readonly file: string }[]
}
const { lossy } = await fixtureJson<Lossy>(`${FOLDER}/goldens.json`)

describe.runIf(typeof createImageBitmap === 'function')('what the browser decodes', () => {
  const files = ['lossless.webp', 'transparent.webp', ...lossy.map(({ file }) => file)]

  test.each(files)('%s', async (file) => {
    const bytes = await fixtureBytes(`${FOLDER}/${file}`)
    for (const resample of FILTERS) await expectEqual(new Blob([bytes]), { resample, size: 56 })
    await expectEqual(new Blob([bytes]), { size: 'native' })
  })

  /** Every level of every channel under every alpha, in a picture that is its own size. */
  const everyAlpha = () => {
    const data = new Uint8ClampedArray(256 * 256 * 4)
    for (let i = 0; i < 256 * 256; i++) data.set([i & 255, 255 - (i & 255), (i * 7) & 255, i >> 8], i * 4)
    return new ImageData(data, 256, 256)
  }
  const canvas = () => {
    const made = new OffscreenCanvas(256, 256)
    made.getContext('2d')?.putImageData(everyAlpha(), 0, 0)
    return made
  }

  const inputs: readonly (readonly [string, () => ImageInput | Promise<ImageInput>])[] = [
    ['ImageData', everyAlpha],
    ['OffscreenCanvas', canvas],
    ['ImageBitmap, premultiplied', () => createImageBitmap(everyAlpha(), { premultiplyAlpha: 'premultiply' })],
    ['ImageBitmap, not premultiplied', () => createImageBitmap(everyAlpha(), { premultiplyAlpha: 'none' })],
    ['HTMLCanvasElement in Display P3', () => canvasElement('display-p3')],
    ['HTMLCanvasElement', () => canvasElement('srgb')],
    ['img', element],
  ]

  test.each(inputs)('%s', async (_, make) => {
    await expectEqual(await make(), { size: 256 })
    await expectEqual(await make(), { size: { width: 70, height: 300 } })
  })

  test('a bitmap larger than a texture is left to the CPU', async () => {
    const small = await watchedDevice(await testGpu(), [], { maxTextureDimension2D: 256 })
    const other = new GpuResizer(await Gpu.open({ device: small.device }))
    const takes = async (width: number) => {
      const bitmap = await createImageBitmap(new ImageData(width, 2))
      return other.takes(bitmap, whole(14, 14))
    }
    expect([await takes(256), await takes(257)]).toEqual([true, false])
    small.device.destroy()
  })

  test('a browser that rounds colours under alpha is seen, and its bitmaps are left to the CPU', async () => {
    const rounding = await watchedDevice(await testGpu())
    const { queue } = rounding.device
    const copy = queue.copyExternalImageToTexture.bind(queue)
    // What Firefox 153 does on its way.
    queue.copyExternalImageToTexture = ({ source }, { texture }, size) => {
      copy({ source }, { texture, premultipliedAlpha: true }, size)
    }
    const other = new GpuResizer(await Gpu.open({ device: rounding.device }))
    const bitmap = await createImageBitmap(everyAlpha())
    expect(await other.takes(bitmap, whole(14, 14))).toBe(false)
    expect([rounding.live.size, rounding.liveTextures.size]).toEqual([0, 0])
    rounding.device.destroy()
  })

  test('of a bitmap nothing stays but the pixels between the passes', async () => {
    const bitmap = await createImageBitmap(everyAlpha())
    const to = whole(14, 14)
    const first = await resizeOne(bitmap, to)
    first.free()
    const live = watched.live.size
    const source = await resizeOne(bitmap, to)
    expect([watched.live.size, watched.liveTextures.size, gpu.memory.count]).toEqual([live + 1, 0, live + 1])
    source.free()
    expect([watched.live.size, gpu.memory.count]).toEqual([live, live])
  })

  function canvasElement(colorSpace: PredefinedColorSpace): HTMLCanvasElement {
    const made = document.createElement('canvas')
    made.width = made.height = 256
    const context = made.getContext('2d', { colorSpace })
    context?.putImageData(everyAlpha(), 0, 0)
    return made
  }

  async function element(): Promise<HTMLImageElement> {
    const image = new Image()
    image.src = URL.createObjectURL(new Blob([await fixtureBytes(`${FOLDER}/orientation6.jpg`)]))
    await image.decode()
    return image
  }
})
