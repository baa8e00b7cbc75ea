import { afterEach, describe, expect, it } from 'vitest'
import { httpSource } from '../../../src/checkpoint/http.js'
import type { ByteSource } from '../../../src/checkpoint/types.js'
import { expectError, pattern } from './safetensors-cases.js'
import { CLIENTS, files, hurried, serve, type Server } from './server.js'

const bytes = pattern(10_000)
const open: Server[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

type Headers = Record<string, string | undefined>

describe.each(CLIENTS)('by $client', ({ send }) => {
  /** A file whose server adds these headers to its answers in turn, and then the last. */
  async function tagged(...headers: Headers[]): Promise<{ file: ByteSource; ifRanges: (string | undefined)[] }> {
    const ifRanges: (string | undefined)[] = []
    const server = await serve((request, response) => {
      const now = headers[Math.min(ifRanges.length, headers.length - 1)] ?? {}
      ifRanges.push(request.headers['if-range'] as string | undefined)
      files({ '/f': bytes }, now)(request, response)
    })
    open.push(server)
    return { file: httpSource(new URL(`${server.url}/f`), send, hurried().patience), ifRanges }
  }

  const monday = 'Mon, 01 Jun 2026 00:00:00 GMT'
  const friday = 'Fri, 05 Jun 2026 00:00:00 GMT'

  describe('content that changes while it is read is an error that names the file', () => {
    it.each<[string, Headers, Headers, ...(string | number)[]]>([
      ['ETag', { etag: '"1"' }, { etag: '"2"' }, '"1"', '"2"'],
      ['weak ETag', { etag: 'W/"1"' }, { etag: 'W/"2"' }, '"1"', '"2"'],
      ['Last-Modified', { 'last-modified': monday }, { 'last-modified': friday }, monday, friday],
      ['total', {}, { 'content-range': 'bytes 3-8/10001' }, 10_000, 10_001],
    ])('%s', async (_, before, after, ...words) => {
      const { file } = await tagged(before, after)
      await expectError(file.read(3, 9), 'TRUNCATED', '/f', ...words)
    })

    it('but two servers that only know different times of the same ETag are fine', async () => {
      const { file } = await tagged({ etag: '"1"', 'last-modified': monday }, { etag: '"1"', 'last-modified': friday })
      expect(await file.read(3, 9)).toEqual(bytes.subarray(3, 9))
    })
  })

  describe('If-Range', () => {
    it('has a strong ETag, from the second request on', async () => {
      const { file, ifRanges } = await tagged({ etag: '"1"' })
      await file.read(3, 9)
      expect(ifRanges).toEqual([undefined, '"1"'])
    })

    it.each([{ etag: 'W/"1"' }, { 'last-modified': monday }, {}])('is not sent for %j', async (headers) => {
      const { file, ifRanges } = await tagged(headers)
      await file.read(3, 9)
      expect(ifRanges).toEqual([undefined, undefined])
    })

    it('goes to the own origin of a page, never to another, where it would need a preflight', async () => {
      for (const own of [true, false]) {
        const { file, ifRanges } = await tagged({ etag: '"1"' })
        const page = { origin: own ? new URL(file.name).origin : 'https://page.example' }
        Object.defineProperty(globalThis, 'location', { value: page, configurable: true })
        try {
          await file.read(3, 9)
        } finally {
          Reflect.deleteProperty(globalThis, 'location')
        }
        expect(ifRanges[1]).toBe(own ? '"1"' : undefined)
      }
    })

    it('answered with the whole of another file is a change: TRUNCATED', async () => {
      let asked = 0
      const server = await serve((request, response) => {
        if (asked++ === 0) files({ '/f': bytes }, { etag: '"1"' })(request, response)
        else response.writeHead(200, { etag: '"2"' }).end(bytes)
      })
      open.push(server)
      await expectError(httpSource(new URL(`${server.url}/f`), send).read(0, 9), 'TRUNCATED', '"1"', '"2"')
    })
  })

  it.each(['gzip', 'br'])('a range encoded as %s is refused: its positions are of other bytes', async (encoding) => {
    for (const answers of [[{ 'content-encoding': encoding }], [{}, { 'content-encoding': encoding }]]) {
      const { file, ifRanges } = await tagged(...answers)
      await expectError(file.read(0, 100), 'NETWORK', '/f', encoding, 'identity')
      expect(ifRanges).toHaveLength(answers.length)
    }
  })

  describe('the version of a file', () => {
    it.each([
      ['its strong ETag', { etag: '"a"', 'last-modified': monday }, '"a"'],
      ['else Last-Modified with its size', { etag: 'W/"a"', 'last-modified': monday }, `${monday}/10000`],
      ['the same without ETag', { 'last-modified': monday }, `${monday}/10000`],
      ['null when only a weak ETag is seen', { etag: 'W/"a"' }, null],
      ['null when nothing is seen', {}, null],
    ])('is %s', async (_, headers, version) => {
      const { file } = await tagged(headers)
      expect(await file.version?.()).toBe(version)
    })
  })
})
