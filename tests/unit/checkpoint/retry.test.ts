import { afterEach, describe, expect, it } from 'vitest'
import { byFetch } from '../../../src/checkpoint/http-ask.js'
import { httpSource } from '../../../src/checkpoint/http.js'
import type { ByteSource } from '../../../src/checkpoint/types.js'
import { expectError, pattern } from './safetensors-cases.js'
import { CLIENTS, files, hurried, rangeOf, serve, type Handler, type Server } from './server.js'

const bytes = pattern(3 * 2 ** 20)
const good = files({ '/f': bytes })
let server: Server | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

describe.each(CLIENTS)('by $client', ({ send }) => {
  /** A source whose server answers by these handlers in turn, and then by the last for good. */
  const source = (...handlers: Handler[]): Promise<{ file: ByteSource; waits: number[] }> =>
    idleSource(30_000, handlers)

  async function idleSource(idleMs: number, handlers: Handler[]): Promise<{ file: ByteSource; waits: number[] }> {
    let asked = 0
    server = await serve((request, response) => handlers[Math.min(asked++, handlers.length - 1)]?.(request, response))
    const { patience, waits } = hurried(idleMs)
    return { file: httpSource(new URL(`${server.url}/f`), send, patience), waits }
  }

  const status =
    (code: number, headers: Record<string, string> = {}): Handler =>
    (_request, response) =>
      void response.writeHead(code, headers).end('x')

  /** The range asked for, but the connection breaks after `length` bytes of it. */
  const broken =
    (length: number): Handler =>
    (request, response) => {
      const { begin, end } = rangeOf(request, bytes.length) ?? { begin: 0, end: 0 }
      const headers = { 'content-range': `bytes ${begin}-${end - 1}/${bytes.length}`, 'content-length': end - begin }
      response.writeHead(206, headers)
      response.write(bytes.subarray(begin, begin + length), () => setTimeout(() => response.destroy(), 5))
    }

  const silent: Handler = () => undefined

  describe('what may pass is tried again', () => {
    it.each([408, 429, 500, 502, 503, 504])('status %i, twice', async (code) => {
      const { file, waits } = await source(status(code), status(code), good)
      expect(await file.size()).toBe(bytes.length)
      expect(server?.log).toHaveLength(3)
      expect(waits[0]).toSatisfy((ms: number) => ms >= 500 && ms < 1000)
      expect(waits[1]).toSatisfy((ms: number) => ms >= 1000 && ms < 2000)
    })

    it('three times, and no more', async () => {
      const { file, waits } = await source(status(503))
      await expectError(file.size(), 'NETWORK', 503, '3 tries')
      expect(server?.log).toHaveLength(3)
      expect(waits).toHaveLength(2)
    })

    it.each([
      ['7', 7000, 7000],
      ['86400', 60_000, 60_000],
      [new Date(Date.now() + 30_000).toUTCString(), 20_000, 30_000],
      [new Date(0).toUTCString(), 500, 1000],
      ['soon', 500, 1000],
      ['-7', 500, 1000],
    ])('after the time that Retry-After: %s asks for, within a minute', async (text, least, most) => {
      const { file, waits } = await source(status(429, { 'retry-after': text }), good)
      expect(await file.size()).toBe(bytes.length)
      expect(waits).toHaveLength(1)
      expect(waits[0]).toBeGreaterThanOrEqual(least)
      expect(waits[0]).toBeLessThanOrEqual(most)
    })

    it('a broken connection, from the byte where it broke', async () => {
      const { file } = await source(good, broken(1000), broken(500), good)
      expect(Buffer.from(await file.read(10, 5000)).equals(bytes.subarray(10, 5000))).toBe(true)
      expect(server?.log.slice(1)).toEqual(['10', '1010', '1510'].map((from) => `GET /f bytes=${from}-4999`))
    })

    it('more often, while each try brings a MiB', async () => {
      const { file } = await source(
        good,
        ...Array.from({ length: 2 }, () => broken(2 ** 20)),
        broken(9),
        broken(9),
        good,
      )
      expect(Buffer.from(await file.read(0, bytes.length)).equals(bytes)).toBe(true)
      expect(server?.log).toHaveLength(6)
    })

    it('a server that falls silent, before or amid its answer', async () => {
      const stalled: Handler = (request, response) => {
        const { begin } = rangeOf(request, bytes.length) ?? { begin: 0 }
        response.writeHead(206, { 'content-length': '100' })
        response.write(bytes.subarray(begin, begin + 50))
      }
      const { file } = await idleSource(250, [good, stalled, silent, good])
      expect(await file.read(0, 100)).toEqual(bytes.subarray(0, 100))
      expect(server?.log.at(-1)).toBe('GET /f bytes=50-99')
      await server?.close()
      const { file: other } = await idleSource(250, [silent])
      await expectError(other.size(), 'NETWORK', 'no byte came for 0.25 s', '3 tries')
    })
  })

  describe('what cannot help is not tried', () => {
    it.each([
      [400, 'NETWORK'],
      [401, 'ACCESS_DENIED'],
      [403, 'ACCESS_DENIED'],
      [404, 'NOT_FOUND'],
      [410, 'NOT_FOUND'],
    ] as const)('status %i', async (code, name) => {
      const { file } = await source(status(code), good)
      await expectError(file.size(), name, code)
      expect(server?.log).toHaveLength(1)
    })
  })

  describe('an abort ends at once', () => {
    it('a wait between tries', async () => {
      const { file } = await source(status(503, { 'retry-after': '60' }))
      const abort = new AbortController()
      const real = httpSource(new URL(`${server?.url}/f`), send)
      const size = real.size(abort.signal)
      setTimeout(() => abort.abort('bored'), 50)
      expect(await expectError(size, 'ABORTED')).toMatchObject({ cause: 'bored' })
      expect(server?.log).toHaveLength(1)
      await expectError(file.size(AbortSignal.abort()), 'ABORTED')
    }, 5_000)

    it('a request without an answer, even where fetch knows no signal', async () => {
      const abort = new AbortController()
      const deaf = httpSource(
        new URL('http://127.0.0.1/f'),
        byFetch(() => new Promise(() => undefined)),
      )
      setTimeout(() => abort.abort(), 20)
      await expectError(deaf.size(abort.signal), 'ABORTED')
    })

    it('a request while it is made', async () => {
      const abort = new AbortController()
      const aborting = (): Promise<Response> => {
        abort.abort()
        return new Promise(() => undefined)
      }
      await expectError(httpSource(new URL('http://127.0.0.1/f'), byFetch(aborting)).size(abort.signal), 'ABORTED')
    }, 5_000)
  })
})
