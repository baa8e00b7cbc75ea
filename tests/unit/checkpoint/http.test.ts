import { afterEach, describe, expect, it } from 'vitest'
import { byFetch } from '../../../src/checkpoint/http-ask.js'
import { httpSource } from '../../../src/checkpoint/http.js'
import { expectError, pattern } from './safetensors-cases.js'
import { CLIENTS, files, hurried, rangeOf, serve, type Handler, type Server } from './server.js'

const bytes = pattern(200_000)
let server: Server | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

describe.each(CLIENTS)('by $client', ({ send }) => {
  async function source(handler: Handler, path = '/f'): Promise<ReturnType<typeof httpSource>> {
    server = await serve(handler)
    return httpSource(new URL(server.url + path), send, hurried().patience)
  }

  /** Ranges as they should be, but `spoil` may answer instead when the bytes after the first are asked for. */
  function spoiled(spoil: Handler): Handler {
    const good = files({ '/f': bytes })
    return (request, response) => (request.headers.range === 'bytes=0-0' ? good : spoil)(request, response)
  }

  describe('a server with ranges', () => {
    it('gives exactly the bytes asked for, after one request for one byte', async () => {
      const file = await source(files({ '/f': bytes }))
      expect(await file.size()).toBe(bytes.length)
      expect(await file.read(1000, 70_001)).toEqual(bytes.subarray(1000, 70_001))
      expect(await file.read(199_999, 200_000)).toEqual(bytes.subarray(199_999))
      expect(await file.read(5, 5)).toEqual(new Uint8Array(0))
      expect(server?.log).toEqual(['GET /f bytes=0-0', 'GET /f bytes=1000-70000', 'GET /f bytes=199999-199999'])
    })

    it('is asked for its length by an open range when Content-Range is hidden', async () => {
      const file = await source(files({ '/f': bytes }, { 'content-range': undefined }))
      expect(await file.size()).toBe(bytes.length)
      expect(await file.read(10, 20)).toEqual(bytes.subarray(10, 20))
    })

    it('may have an empty file', async () => {
      const file = await source(files({ '/f': new Uint8Array(0) }))
      expect(await file.size()).toBe(0)
    })

    it("is read through the caller's fetch", async () => {
      server = await serve(files({ '/f': bytes }))
      const asked: string[] = []
      const mine: typeof fetch = (input, init) => {
        asked.push(new Headers(init?.headers).get('range') ?? '')
        return fetch(input, init)
      }
      expect(await httpSource(new URL(`${server.url}/f`), byFetch(mine)).size()).toBe(bytes.length)
      expect(asked).toEqual(['bytes=0-0'])
    })
  })

  describe('a server without ranges', () => {
    const whole =
      (body: Uint8Array): Handler =>
      (_request, response) =>
        void response.writeHead(200).end(body)

    it('is good enough for a small file', async () => {
      const file = await source(whole(bytes))
      expect(await file.size()).toBe(bytes.length)
      expect(await file.read(7, 77)).toEqual(bytes.subarray(7, 77))
      expect(server?.log).toHaveLength(1)
    })

    it('is refused when it forgets ranges half way', async () => {
      const file = await source(spoiled(whole(bytes)))
      await expectError(file.read(0, 10), 'NETWORK', 'Range', 'status 200')
    })
  })

  describe('a failing server', () => {
    it.each([
      [404, 'NOT_FOUND'],
      [401, 'ACCESS_DENIED'],
      [403, 'ACCESS_DENIED'],
      [500, 'NETWORK'],
    ] as const)('answers %i: %s, without the secrets of the address', async (status, code) => {
      const file = await source((_request, response) => void response.writeHead(status).end('x'), '/f?signature=secret')
      const error = await expectError(file.size(), code, '/f', status)
      expect(error.message).not.toContain('secret')
    })

    it('gives a web page instead of the file: NOT_FOUND', async () => {
      const page: Handler = (_request, response) =>
        void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')
      await expectError((await source(page)).size(), 'NOT_FOUND', 'web page')
    })

    it('is not there: NETWORK', async () => {
      const file = await source(files({}))
      await server?.close()
      await expectError(file.size(), 'NETWORK', 'ECONNREFUSED')
    })

    it('breaks the connection: NETWORK', async () => {
      const file = await source(
        spoiled((_request, response) => {
          response.writeHead(206, { 'content-length': '100' })
          response.write(new Uint8Array(50), () => response.destroy())
        }),
      )
      await expectError(file.read(0, 100), 'NETWORK', '/f')
    })

    it('sends fewer bytes: TRUNCATED, with both numbers', async () => {
      const short: Handler = (request, response) =>
        void response.writeHead(206).end(bytes.subarray(rangeOf(request, bytes.length)?.begin, 140))
      await expectError((await source(spoiled(short))).read(100, 200), 'TRUNCATED', 140, 200)
    })

    it('sends more bytes: NETWORK', async () => {
      const long: Handler = (_request, response) => void response.writeHead(206).end(bytes.subarray(0, 101))
      await expectError((await source(spoiled(long))).read(0, 100), 'NETWORK', 100)
    })

    it('sends another range: NETWORK, with both ranges', async () => {
      const shifted: Handler = (request, response) => {
        const { begin, end } = rangeOf(request, bytes.length) ?? { begin: 0, end: 0 }
        response.writeHead(206, { 'content-range': `bytes ${begin + 1}-${end}/${bytes.length}` })
        response.end(bytes.subarray(begin + 1, end + 1))
      }
      await expectError((await source(spoiled(shifted))).read(0, 100), 'NETWORK', '0 to 100', '1 to 101')
    })

    it('has another file by now: TRUNCATED', async () => {
      const larger: Handler = files({ '/f': pattern(bytes.length + 8) })
      await expectError((await source(spoiled(larger))).read(0, 100), 'TRUNCATED', bytes.length, bytes.length + 8)
      await server?.close()
      let version = 0
      const tagged: Handler = (request, response) =>
        files({ '/f': bytes }, { etag: `"${version++}"` })(request, response)
      await expectError((await source(tagged)).read(0, 100), 'TRUNCATED', '"0"', '"1"')
    })

    it('hangs until the caller aborts: ABORTED', async () => {
      const abort = new AbortController()
      const file = await source(
        spoiled((_request, response) => {
          response.writeHead(206, { 'content-length': '100' })
          response.write(new Uint8Array(50), () => setTimeout(() => abort.abort('bored'), 10))
        }),
      )
      expect(await expectError(file.read(0, 100, abort.signal), 'ABORTED')).toMatchObject({ cause: 'bored' })
      await expectError(
        file.size(abort.signal).then(() => file.read(0, 1, abort.signal)),
        'ABORTED',
      )
    })
  })
})

it.each([
  { size: 2 ** 26, cache: 'default' },
  { size: 2 ** 26 + 1, cache: 'no-store' },
])("gives a browser's own cache what is small: of $size bytes, $cache", async ({ size, cache }) => {
  const asked: (RequestCache | undefined)[] = []
  const mine: typeof fetch = (_, init) => {
    asked.push(init?.cache)
    const range = new Headers(init?.headers).get('range') ?? ''
    const [, begin = '0', last = '0'] = /(\d+)-(\d+)/.exec(range) ?? []
    const headers = { 'content-range': `bytes ${begin}-${last}/${size}` }
    return Promise.resolve(new Response(new Uint8Array(Number(last) - Number(begin) + 1), { status: 206, headers }))
  }
  await httpSource(new URL('https://models.test/f'), byFetch(mine)).read(8, 20)
  expect(asked).toEqual(['no-store', cache]) // the first of one byte, which it would ask about again
})
