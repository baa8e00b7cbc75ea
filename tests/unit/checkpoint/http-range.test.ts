/** Reads that follow each other may share one answer. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openCache } from '../../../src/checkpoint/cache.js'
import { httpSource } from '../../../src/checkpoint/http.js'
import type { ByteSource, WeightCache } from '../../../src/checkpoint/types.js'
import { pattern } from './safetensors-cases.js'
import { CLIENTS, files, hurried, rangeOf, serve, type Handler, type Server } from './server.js'

const READ = 2 ** 16
const bytes = pattern(8 * READ + 5)
const good = files({ '/f': bytes }, { etag: '"1"' })
const byFetch = CLIENTS[0]?.send
let server: Server | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

async function source(handler: Handler = good, send = byFetch): Promise<ByteSource> {
  server = await serve(handler)
  return httpSource(new URL(`${server.url}/f`), send, hurried().patience)
}

/** Reads `number` of a file that are followed by others up to `until`. */
const read = (file: ByteSource, number: number, until = bytes.length): Promise<Uint8Array> =>
  file.read(number * READ, (number + 1) * READ, undefined, undefined, until)
const part = (number: number): Uint8Array => bytes.subarray(number * READ, (number + 1) * READ)
/** Ranges that were asked for after the first byte. */
const ranges = (): string[] => (server?.log ?? []).flatMap((line) => (/bytes=(?!0-0$)(.*)/.exec(line) ?? []).slice(1))
const from = (begin: number, end = bytes.length): string => `${begin}-${end - 1}`

describe.each(CLIENTS)('by $client', ({ send }) => {
  it('one answer gives every read its own bytes', async () => {
    const file = await source(good, send)
    const got = await Promise.all([0, 1, 2].map((number) => read(file, number, 3 * READ)))
    expect(got).toEqual([0, 1, 2].map(part))
    expect(ranges()).toEqual([from(0, 3 * READ)])
  })

  it('one answer waits for the next read, however much of it came meanwhile', async () => {
    const large = Buffer.from(pattern(2 ** 23))
    const half = large.length / 2
    const file = await source(files({ '/f': large }, { etag: '"1"' }), send)
    const first = await file.read(0, half, undefined, undefined, large.length)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const second = await file.read(half, large.length, undefined, undefined, large.length)
    expect(large.equals(Buffer.concat([first, second]))).toBe(true) // `toEqual` takes a second for a megabyte
    expect(ranges()).toEqual([from(0, large.length)])
  })
})

describe('one answer', () => {
  it('is left where a read begins elsewhere, and where the file is closed', async () => {
    const left = vi.fn()
    // Sends two reads of what it is asked for, and no more.
    const file = await source((request, response) => {
      const { begin = 0, end = 0 } = rangeOf(request, bytes.length) ?? {}
      if (end - begin <= 1) return good(request, response)
      response.writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${bytes.length}` })
      response.write(bytes.subarray(begin, begin + 2 * READ))
      response.on('close', () => void left(begin))
    })
    expect(await read(file, 0)).toEqual(part(0))
    expect(await read(file, 1)).toEqual(part(1))
    expect(await read(file, 4)).toEqual(part(4))
    await vi.waitFor(() => expect(left.mock.calls).toEqual([[0]]))
    expect(await read(file, 5)).toEqual(part(5))
    expect(ranges()).toEqual([from(0), from(4 * READ)])
    await file.close?.()
    await vi.waitFor(() => expect(left.mock.calls).toEqual([[0], [4 * READ]]))
    // It may be read again.
    expect(await read(file, 6)).toEqual(part(6))
    await file.close?.()
  })

  it('keeps nobody waiting who reads on behind it', async () => {
    let asked = (): void => undefined
    const isAsked = new Promise<void>((resolve) => (asked = resolve))
    const file = await source((request, response) => {
      const { begin = 0, end = 0 } = rangeOf(request, bytes.length) ?? {}
      if (begin === 2 * READ) asked()
      if (begin > 0 || end === 1) return good(request, response)
      response.writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${bytes.length}` })
      response.write(bytes.subarray(begin, READ))
      void isAsked.then(() => response.end(bytes.subarray(READ, end)))
    })
    const all = [read(file, 0, 2 * READ), read(file, 1, 2 * READ), read(file, 2, 4 * READ), read(file, 3, 4 * READ)]
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3].map(part))
    expect(ranges().sort()).toEqual([from(0, 2 * READ), from(2 * READ, 4 * READ)])
  })

  it('is not left by a read that stands alone', async () => {
    const file = await source()
    expect(await read(file, 0)).toEqual(part(0))
    expect(await file.read(3, 9)).toEqual(bytes.subarray(3, 9))
    expect(await read(file, 1)).toEqual(part(1))
    expect(ranges()).toEqual([from(0), from(3, 9)])
  })

  it('is asked for anew from where it broke off, for all reads that follow', async () => {
    let broken = false
    const file = await source((request, response) => {
      const { begin = 0, end = 0 } = rangeOf(request, bytes.length) ?? {}
      if (broken || end - begin === 1) return good(request, response)
      broken = true
      response.writeHead(206, {
        'content-range': `bytes ${begin}-${end - 1}/${bytes.length}`,
        'content-length': end - begin,
      })
      response.write(bytes.subarray(begin, begin + READ + 1000), () => setTimeout(() => response.destroy(), 50))
    })
    expect(await Promise.all([0, 1, 2].map((number) => read(file, number)))).toEqual([0, 1, 2].map(part))
    const [first, second, ...others] = ranges()
    expect([first, others]).toEqual([from(0), []])
    // How much of it was read by then is for the machine to say.
    const begin = Number.parseInt(second ?? '')
    expect(second).toBe(from(begin))
    expect(begin).toBeGreaterThan(0)
    expect(begin).toBeLessThanOrEqual(READ + 1000)
  })

  it('that fails leaves the next read its own tries', async () => {
    let refusals = 0
    const file = await source((request, response) => {
      const first = rangeOf(request, bytes.length)?.begin === 0 && request.headers.range !== 'bytes=0-0'
      if (!first) return good(request, response)
      refusals++
      response.writeHead(500).end()
    })
    const [first, second] = await Promise.allSettled([read(file, 0), read(file, 1)])
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'NETWORK' } })
    expect(second).toEqual({ status: 'fulfilled', value: part(1) })
    expect(refusals).toBe(3)
  })

  it('is left by a read that is aborted', async () => {
    const stop = new AbortController()
    const ended = vi.fn()
    const file = await source((request, response) => {
      if (request.headers.range === 'bytes=0-0') return good(request, response)
      response.on('close', ended)
      response.writeHead(206, { 'content-range': `bytes 0-${bytes.length - 1}/${bytes.length}` })
      response.write(bytes.subarray(0, 1000), () => stop.abort())
    })
    await expect(file.read(0, READ, stop.signal, undefined, bytes.length)).rejects.toMatchObject({ code: 'ABORTED' })
    await vi.waitFor(() => expect(ended).toHaveBeenCalled())
  })

  it('is asked for in the order of the reads, however long a cache looks for them', async () => {
    const kept = new Map<string, Response>()
    const waits = new Map([
      [0, 60],
      [1, 0],
      [2, 30],
      [3, 10],
      [4, 0],
    ])
    const store: WeightCache = {
      async match(key) {
        const number = Number(/\.(\d+)-\d+$/.exec(key)?.[1] ?? NaN) / READ
        await new Promise((resolve) => setTimeout(resolve, waits.get(number) ?? 0))
        return kept.get(key)?.clone()
      },
      put: (key, value) => Promise.resolve(void kept.set(key, value)),
      delete: (key) => Promise.resolve(kept.delete(key)),
    }
    const open = async (): Promise<ByteSource> => {
      const wrap = await openCache(store, { bytes: 0, cached: 0 }, {})
      return wrap(await source(), new URL('https://models.test/f'))
    }
    const all = [0, 1, 2, 3, 4]
    const file = await open()
    expect(await Promise.all(all.map((number) => read(file, number)))).toEqual(all.map(part))
    expect(ranges()).toEqual([from(0)])
    // One in the midst is no longer there: what follows is.
    for (const key of kept.keys()) if (key.endsWith(`.${2 * READ}-${3 * READ}`)) kept.delete(key)
    await server?.close()
    const again = await open()
    expect(await Promise.all(all.map((number) => read(again, number)))).toEqual(all.map(part))
    expect(ranges()).toEqual([from(2 * READ)])
    await again.close?.()
  })
})
