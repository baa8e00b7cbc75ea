import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { toRgb } from '../../../src/image/rgb.js'
import { fingerprint, FOLDER, goldens, readPicture } from './goldens.js'

const code = (name: string, message = /./) =>
  expect.objectContaining({ code: name, message: expect.stringMatching(message) as unknown }) as Error

describe('a picture without loss equals Pillow bit for bit', () => {
  it.each(goldens.decode)('$file', async ({ file, ...expected }) => {
    expect(fingerprint(await toRgb(`${FOLDER}/${file}`))).toEqual(expected)
  })
})

describe('a lossy picture equals Pillow', () => {
  // Both decode JPEG and WebP exactly alike here; AVIF differs by the rounding of YUV to RGB.
  it.each(goldens.lossy)('$file', async ({ file, width, height }) => {
    const image = await toRgb(`${FOLDER}/${file}`)
    expect([image.width, image.height]).toEqual([width, height])
    const expected = readPicture(`${file}.rgb`)
    const difference = image.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? 999))), 0)
    expect(difference).toBeLessThanOrEqual(file.endsWith('.avif') ? 2 : 0)
  })
})

describe('the ways in', () => {
  const file = 'shapes.png'
  const expected = { width: 200, height: 150 }

  it('Blob, bytes, file URL, file: string and data: string give the same picture', async () => {
    const path = `${FOLDER}/${file}`
    const bytes = readPicture(file)
    const url = pathToFileURL(path)
    const data = `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`
    const first = fingerprint(await toRgb(path))
    expect(first).toMatchObject(expected)
    for (const input of [new Blob([bytes]), bytes.buffer, bytes, Buffer.from(bytes), url, url.href, data]) {
      expect(fingerprint(await toRgb(input))).toEqual(first)
    }
  })

  it('raw RGB is taken as it is, raw RGBA loses its alpha only', async () => {
    const rgb = { width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }
    const rgba = { width: 2, height: 1, data: Uint8ClampedArray.of(1, 2, 3, 0, 4, 5, 6, 128) }
    expect(await toRgb(rgb)).toEqual(rgb)
    expect(await toRgb(rgba)).toEqual(rgb)
  })
})

describe('pictures over http', () => {
  let server: Server
  let origin: string
  beforeAll(async () => {
    server = createServer((request, response) => {
      const status = Number(/\d{3}/.exec(request.url ?? '')?.[0] ?? 200)
      response.writeHead(status).end(readFileSync(`${FOLDER}/shapes.png`))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    origin = `http://127.0.0.1:${address.port}`
  })
  afterAll(() => server.close())

  it('are fetched, by string and by URL', async () => {
    expect(await toRgb(`${origin}/a.png`)).toMatchObject({ width: 200, height: 150 })
    expect(await toRgb(new URL(`${origin}/a.png`))).toMatchObject({ width: 200, height: 150 })
  })

  it('are fetched through the caller’s fetch', async () => {
    const own = vi.fn(() => Promise.resolve(new Response(readPicture('pixel.png'))))
    expect(await toRgb('https://nowhere.invalid/a.png', { fetch: own })).toMatchObject({ width: 1, height: 1 })
    expect(own).toHaveBeenCalledOnce()
  })

  it.each([
    [404, 'NOT_FOUND'],
    [403, 'ACCESS_DENIED'],
    [500, 'NETWORK'],
  ])('answered with %d fail with %s', async (status, name) => {
    await expect(toRgb(`${origin}/${status}.png`)).rejects.toThrow(code(name, new RegExp(String(status))))
  })

  it('abort with the reason as cause', async () => {
    const reason = new Error('changed my mind')
    const aborted = toRgb(`${origin}/a.png`, { signal: AbortSignal.abort(reason) })
    await expect(aborted).rejects.toThrow(
      expect.objectContaining({ code: 'ABORTED', name: 'AbortError', cause: reason }),
    )
  })
})

describe('what is no picture', () => {
  it('names the missing path', async () => {
    await expect(toRgb('nowhere/cat.jpg')).rejects.toThrow(code('NOT_FOUND', /nowhere\/cat\.jpg/))
  })

  it.each([
    ['text', new TextEncoder().encode('not a picture at all')],
    ['nothing', new Uint8Array(0)],
    ['half a JPEG', readPicture('orientation1.jpg').slice(0, 700)],
  ])('refuses %s', async (_, bytes) => {
    await expect(toRgb(new Blob([bytes]))).rejects.toThrow(code('BAD_IMAGE', /Blob/))
  })

  it.each([undefined, null, 5, {}, []])('refuses %j', async (value) => {
    await expect(toRgb(value as Blob)).rejects.toThrow(code('BAD_IMAGE', /is no picture/))
  })

  it('names the file it came from', async () => {
    await expect(toRgb(new File(['nonsense'], 'cat.webp'))).rejects.toThrow(code('BAD_IMAGE', /cat\.webp/))
    await expect(toRgb('package.json')).rejects.toThrow(code('BAD_IMAGE', /package\.json/))
  })

  it.each([
    [0, 4, 0, 'IMAGE_SIZE'],
    [100_000, 1, 300_000, 'IMAGE_SIZE'],
    [2, 2, 13, 'BAD_IMAGE'],
    [2, 2, 4, 'BAD_IMAGE'],
  ])('refuses raw pixels of %d×%d in %d bytes', async (width, height, length, name) => {
    await expect(toRgb({ width, height, data: new Uint8Array(length) })).rejects.toThrow(code(name))
  })
})

it('names the package to install when sharp is missing, and reads PNGs without it', async () => {
  vi.resetModules()
  vi.doMock('sharp', () => {
    throw new Error("Cannot find package 'sharp'")
  })
  const fresh = await import('../../../src/image/rgb.js')
  await expect(fresh.toRgb(`${FOLDER}/grey.jpg`)).rejects.toThrow(code('MISSING_PACKAGE', /npm install sharp/))
  await expect(fresh.toRgb(`${FOLDER}/shapes.png`)).resolves.toMatchObject({ width: 200 })
  vi.doUnmock('sharp')
})
