/** The encoder behind a worker, in Chromium, through the built package: the same results as without, and what is not the same. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadBoth, openPage, type Site } from './worker-page.js'

let site: Site
beforeAll(async () => {
  site = await openPage()
  await loadBoth(site.page)
})
afterAll(() => site.close())
beforeEach(() => void site.complaints())

describe('the same bits as without a worker', () => {
  test('of pixel values, and they stay whole', async () => {
    const length = await site.page.evaluate(async () => {
      const data = Float32Array.from({ length: 3 * 28 * 42 + 5 }, (_, i) => Math.sin(i * i)).subarray(5)
      const pixels = { width: 42, height: 28, data }
      return (await window.lab.same(() => ({ pixels }))) && data.length
    })
    expect(length).toBe(3 * 28 * 42)
  })

  test.each(['rgb16.png', 'grey-alpha8.png', 'lossy.webp', 'orientation6.jpg'])('of a Blob: %s', async (name) => {
    const same = await site.page.evaluate(async (name) => {
      const blob = await (await fetch(`/tests/fixtures/images/${name}`)).blob()
      return window.lab.same(() => blob)
    }, name)
    expect(same).toBe(true)
  })

  test('of an address, which means what it means to the page, and of encoded bytes', async () => {
    const same = await site.page.evaluate(async () => {
      const bytes = await (await fetch('../tests/fixtures/images/rgb16.png')).arrayBuffer()
      const { same } = window.lab
      const both = [await same(() => '../tests/fixtures/images/rgb16.png'), await same(() => bytes)]
      return [...both, bytes.byteLength > 0]
    })
    expect(same).toEqual([true, true, true])
  })

  test('of an ImageBitmap with colours under alpha, of ImageData and of raw bytes; they stay whole', async () => {
    const same = await site.page.evaluate(async () => {
      const { same, colours } = window.lab
      const image = colours()
      const all: unknown[] = [await same(() => image), image.data.length]
      for (const premultiplyAlpha of ['none', 'premultiply', 'default'] as const) {
        const bitmap = await createImageBitmap(image, { premultiplyAlpha })
        all.push(await same(() => bitmap), bitmap.width)
      }
      const data = new Uint8Array(64 * 48 * 3).map((_, i) => i * 7)
      all.push(await same(() => ({ width: 64, height: 48, data })), data.length)
      return all
    })
    expect(same).toEqual([true, 64 * 48 * 4, true, 64, true, 64, true, 64, true, 64 * 48 * 3])
  })

  test('of what the page shows: img, canvas, OffscreenCanvas, VideoFrame', async () => {
    const same = await site.page.evaluate(async () => {
      const { same, colours } = window.lab
      const img = new Image()
      img.src = '/tests/fixtures/images/orientation6.jpg'
      await img.decode()
      const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 })
      canvas.getContext('2d')?.putImageData(colours(), 0, 0)
      const offscreen = new OffscreenCanvas(64, 48)
      offscreen.getContext('2d')?.putImageData(colours(), 0, 0)
      const frame = new VideoFrame(canvas, { timestamp: 0 })
      const all = [
        await same(() => img),
        await same(() => canvas),
        await same(() => offscreen),
        await same(() => frame),
      ]
      const whole = frame.displayWidth
      frame.close()
      return [...all, whole]
    })
    expect(same).toEqual([true, true, true, true, 64])
  })

  test('of several pictures, and of slices, with their hidden states', async () => {
    const same = await site.page.evaluate(async () => {
      const { here, there, colours } = window.lab
      const raw = { width: 500, height: 450, data: new Uint8Array(500 * 450 * 3).map((_, i) => i * i) }
      const asks = { hiddenStates: true } as const
      const few = [colours(), { width: 48, height: 64, data: colours().data }]
      const all = [
        [await here.encode(few, { size: 'native', ...asks }), await there.encode(few, { size: 'native', ...asks })],
        [await here.encode(raw, { size: 'minicpm-v' }), await there.encode(raw, { size: 'minicpm-v' })],
      ]
      const text = (value: unknown): string =>
        JSON.stringify(value, (_, one: unknown) => (one instanceof Float32Array ? [...one] : one))
      return all.map(([a, b]) => [a?.length, text(a) === text(b)])
    })
    expect(same).toEqual([
      [2, true],
      [3, true],
    ])
  })

  test('facts of the encoder, and its memory', async () => {
    const { here, there, same } = await site.page.evaluate(async () => {
      const { here, there } = window.lab
      const facts = ({ model, precision, arithmetic, positions, logitScale, device }: typeof here | typeof there) =>
        JSON.stringify({ model, precision, arithmetic, positions, logitScale, device })
      const { source: _, ...model } = here.model
      return {
        same: JSON.stringify(model).length > 10 && facts(here) === facts(there),
        here: { bytes: here.load.weightBytes, buffers: here.gpuBuffers > 0 },
        there: { bytes: there.load.weightBytes, buffers: (await there.memory()).buffers > 0 },
      }
    })
    expect(same).toBe(true)
    expect(there).toEqual(here)
  })
})

test('`transfer` moves what can be moved: the same bits, and nothing is left', async () => {
  const left = await site.page.evaluate(async () => {
    const { there, here, colours, same } = window.lab
    const image = colours()
    const pixels = { width: 14, height: 14, data: new Float32Array(588).fill(0.5) }
    const bitmap = await createImageBitmap(image)
    const frame = new VideoFrame(bitmap, { timestamp: 0 })
    await there.encode([image, { pixels }, bitmap, frame], { size: 28, transfer: true })
    const equal = await same(() => createImageBitmap(colours(), { premultiplyAlpha: 'none' }), { transfer: true })
    const kept = (await here.encode(colours(), { size: 28 })).tokens.length
    return { sizes: [image.data.length, pixels.data.length, bitmap.width, frame.displayWidth], equal, kept }
  })
  expect(left).toEqual({ sizes: [0, 0, 0, 0], equal: true, kept: 4 * 144 })
})

describe('errors cross with their codes', () => {
  test('of pictures, sources and options', async () => {
    const failures = await site.page.evaluate(async () => {
      const { there, failure, worker } = window.lab
      const closed = await createImageBitmap(window.lab.colours())
      closed.close()
      const calls: Promise<unknown>[] = [
        there.encode(new Blob(['no picture'])),
        there.encode('/nowhere.png'),
        there.encode({ width: 2, height: 2, data: new Uint8Array(5) }),
        there.encode(closed),
        there.encode((() => undefined) as never),
        there.encode(window.lab.colours(), { size: -1 }),
        there.encode(window.lab.colours(), { output: 'gpu' } as never),
        worker.VisionEncoder.load('./nowhere/'),
        worker.VisionEncoder.load('nonsense'),
        worker.VisionEncoder.load(new Blob(['12345678901234567890'])),
        worker.VisionEncoder.load(undefined, { gpu: navigator.gpu } as never),
        worker.VisionEncoder.load(undefined, { manifest: (() => undefined) as never }),
      ]
      const all = await Promise.all(calls.map(failure))
      return all.map(({ name, code }) => `${name}: ${code}`)
    })
    const codes = ['BAD_IMAGE', 'NOT_FOUND', 'BAD_IMAGE', 'IMAGE_SIZE', 'BAD_IMAGE', 'BAD_OPTION', 'BAD_OPTION']
    const loads = ['NOT_FOUND', 'BAD_OPTION', 'BAD_SAFETENSORS', 'BAD_OPTION', 'BAD_OPTION']
    expect(failures).toEqual([...codes, ...loads].map((code) => `SovitError: ${code}`))
  })

  test('messages are those of the encoder itself', async () => {
    const [there, here] = await site.page.evaluate(async () => {
      const { failure, here, there } = window.lab
      const junk = new Blob(['no picture'])
      return Promise.all([failure(there.encode(junk)), failure(here.encode(junk))])
    })
    expect(there.message).toBe(here.message)
    expect(there.cause).toContain(here.cause)
  })
})
