import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { httpSource } from '../../../src/checkpoint/http.js'
import { openCheckpoint } from '../../../src/checkpoint/open.js'
import type { ByteSource } from '../../../src/checkpoint/types.js'
import { LoadProgress } from '../../../src/encoder/progress.js'
import { entry, expectError, fileOf, pattern } from './safetensors-cases.js'
import { CLIENTS, hurried, serve, type Server } from './server.js'

const MiB = 2 ** 20
const bytes = pattern(6 * MiB)
const open: Server[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

interface Fault {
  /** Headers of the answers, in turn; the last for good. */
  readonly headers?: readonly Record<string, string | number>[]
  /** Where the connections break, in turn; the last for good. */
  readonly breaks?: readonly number[]
}

/** A server that answers whatever it is asked with the whole of a file; `sent` has how much of each answer went out. */
async function wholes(contents: Readonly<Record<string, Uint8Array>>, { headers = [{}], breaks = [] }: Fault = {}) {
  let asked = 0
  const sent: number[] = []
  const server = await serve((request: IncomingMessage, response: ServerResponse) => {
    const content = contents[request.url ?? '']
    if (!content) return void response.writeHead(404).end()
    const turn = asked++
    const upTo = Math.min(content.length, breaks[Math.min(turn, breaks.length - 1)] ?? Infinity)
    response.writeHead(200, { 'content-length': content.length, ...headers[Math.min(turn, headers.length - 1)] })
    const send = (at: number): void => {
      sent[turn] = at
      if (response.destroyed) return
      if (at < upTo) response.write(content.subarray(at, Math.min(upTo, at + 65_536)), () => send(at + 65_536))
      else if (upTo < content.length) setTimeout(() => response.destroy(), 20)
      else response.end()
    }
    send(0)
  })
  open.push(server)
  return { server, sent }
}

describe.each(CLIENTS)('by $client', ({ send }) => {
  async function source(fault?: Fault): Promise<{ file: ByteSource; server: Server; sent: number[] }> {
    const { server, sent } = await wholes({ '/f': bytes }, fault)
    return { file: httpSource(new URL(`${server.url}/f`), send, hurried().patience), server, sent }
  }

  async function expectBytes(file: ByteSource, begin: number, end: number): Promise<void> {
    expect(Buffer.from(await file.read(begin, end)).equals(bytes.subarray(begin, end))).toBe(true)
  }

  describe('a large file of a server without ranges', () => {
    it('is read as one stream, skipping what is not asked for', async () => {
      const { file, server } = await source()
      expect(await file.size()).toBe(bytes.length)
      expect(file.sequential?.()).toBe(true)
      await expectBytes(file, 10, 70_000)
      await expectBytes(file, 70_000, 70_001)
      await expectBytes(file, 70_001, 70_001)
      await expectBytes(file, 4 * MiB + 3, bytes.length)
      await file.close?.()
      expect(server.log).toEqual(['GET /f bytes=0-0', 'GET /f bytes=0-'])
    })

    it('serves reads in flight in the order in which they were asked', async () => {
      const { file, server } = await source()
      await file.size()
      const cuts = [0, 5, MiB, MiB + 9, 5 * MiB, bytes.length]
      await Promise.all(cuts.slice(1).map((end, i) => expectBytes(file, cuts[i] ?? 0, end)))
      expect(server.log).toHaveLength(2)
    })

    it('is begun anew by a read that goes back', async () => {
      const { file, server } = await source()
      await expectBytes(file, 5 * MiB, 5 * MiB + 1)
      await expectBytes(file, 5, 50)
      await file.close?.()
      await expectBytes(file, 50, 60)
      await file.close?.()
      expect(server.log).toHaveLength(4)
    })

    it('is not sent faster than it is read', async () => {
      const large = 64 * MiB
      const { server, sent } = await wholes({ '/f': new Uint8Array(large) })
      const file = httpSource(new URL(`${server.url}/f`), send)
      await file.read(0, 10)
      await new Promise((resolve) => setTimeout(resolve, 200))
      // What the sockets of both sides hold is the system's affair; some systems give them several MiB.
      expect(sent[1]).toBeLessThan(large / 2)
      await file.close?.()
    })

    it('survives broken connections, two for the whole file', async () => {
      const { file, server } = await source({ breaks: [Infinity, 2 * MiB, 3 * MiB, Infinity] })
      await expectBytes(file, 0, MiB)
      await expectBytes(file, MiB, bytes.length)
      expect(server.log).toHaveLength(4)
      const { file: worse, server: bad } = await source({ breaks: [3 * MiB] })
      await expectError(worse.read(0, bytes.length), 'NETWORK', '/f', '3 tries')
      expect(bad.log).toHaveLength(4)
    })

    it('gives up at the third broken connection, whichever reads they broke', async () => {
      const { file, server } = await source({ breaks: [Infinity, MiB, 2 * MiB, 3 * MiB, Infinity] })
      await expectBytes(file, 0, 1.5 * MiB)
      await expectBytes(file, 1.5 * MiB, 2.5 * MiB)
      await expectError(file.read(2.5 * MiB, 4 * MiB), 'NETWORK', '/f', '3 tries')
      expect(server.log).toHaveLength(4)
    })

    it.each([
      ['another ETag', [{ etag: '"1"' }, { etag: '"2"' }], 'TRUNCATED', '"2"'],
      ['another size', [{}, { 'content-length': bytes.length + 1 }], 'TRUNCATED', bytes.length + 1],
      ['an encoding', [{}, { 'content-encoding': 'gzip' }], 'NETWORK', 'gzip'],
      ['a web page', [{}, { 'content-type': 'text/html' }], 'NOT_FOUND', 'web page'],
    ] as const)('with %s in the second answer is an error', async (_, headers, code, word) => {
      const { file, server } = await source({ headers })
      await expectError(file.read(0, 10), code, '/f', word)
      expect(server.log).toHaveLength(2)
    })

    it.each([{}, { 'content-encoding': 'gzip' }])('of a size that %j leaves unknown is refused', async (headers) => {
      const body = 'content-encoding' in headers ? gzipSync(bytes) : bytes
      const unknown = await serve((_request, response) => void response.writeHead(200, headers).end(body))
      open.push(unknown)
      const words = 'content-encoding' in headers ? ['gzip', 'identity'] : ['Range', 5 * MiB]
      await expectError(httpSource(new URL(`${unknown.url}/f`), send).size(), 'NETWORK', '/f', ...words)
      expect(unknown.log).toHaveLength(1)
    })

    it('of which several first reads want something has one reader', async () => {
      const { file } = await source()
      await Promise.all([expectBytes(file, 0, 9), expectBytes(file, 9, MiB), expectBytes(file, MiB, 2 * MiB)])
      await file.close?.()
    })

    it('stops at once when aborted, and can be read again', async () => {
      const { file } = await source()
      await file.size()
      const abort = new AbortController()
      const reads = [file.read(0, 5 * MiB, abort.signal), file.read(5 * MiB, bytes.length, abort.signal)]
      abort.abort('enough')
      for (const read of reads) await expectError(read, 'ABORTED')
      await expectBytes(file, 0, 10)
      await file.close?.()
    })
  })

  describe('a checkpoint on a server without ranges', () => {
    const shard = (name: string, seed: number): Uint8Array => {
      const file = fileOf(`{${entry('skipped', 'U8', [MiB], 0, MiB)},${entry(name, 'U8', [9 * MiB], MiB, 10 * MiB)}}`)
      return Uint8Array.from([...file, ...pattern(10 * MiB, seed)])
    }
    const [one, two] = [shard('a', 1), shard('b', 2)]
    const index = { weight_map: { a: 'one.safetensors', b: 'two.safetensors' } }

    async function load(url: string, names: readonly string[]): Promise<unknown[]> {
      const checkpoint = await openCheckpoint(url, hurried())
      const tensors = await checkpoint.describe(names)
      const events: unknown[] = []
      const progress = new LoadProgress('model', ({ status, phase, file, loaded, sequential }) => {
        if (phase === 'download') events.push([status, file, loaded / MiB, sequential ?? false])
      })
      progress.described('model', names.length * 9 * MiB)
      const got = new Map(names.map((name) => [name, new Uint8Array(9 * MiB)]))
      const consume = (chunk: { tensor: { name: string }; offset: number; bytes: Uint8Array }): void =>
        got.get(chunk.tensor.name)?.set(chunk.bytes, chunk.offset)
      await checkpoint.stream(tensors.values(), consume, { onProgress: progress.of(checkpoint) })
      await checkpoint.close()
      for (const [name, bytes] of got) {
        expect(Buffer.from(bytes).equals((name === 'a' ? one : two).subarray(-9 * MiB))).toBe(true)
      }
      return events
    }

    it('of one file: progress says so before any byte of weights counts', async () => {
      const { server } = await wholes({ '/m.safetensors': one })
      const events = await load(`${server.url}/m.safetensors`, ['a'])
      expect(events[0]).toEqual(['initiate', 'm.safetensors', 0, true])
      expect(events.at(-1)).toEqual(['progress', 'm.safetensors', 9, true])
      expect(server.log.filter((line) => line.includes('/m.'))).toHaveLength(2)
    })

    it('of shards: each is read once', async () => {
      const { server } = await wholes({
        '/one.safetensors': one,
        '/two.safetensors': two,
        '/model.safetensors.index.json': new TextEncoder().encode(JSON.stringify(index)),
      })
      const events = await load(`${server.url}/`, ['a', 'b'])
      expect(events.filter((event) => (event as string[])[0] === 'initiate')).toEqual([
        ['initiate', 'one.safetensors', 0, true],
        ['initiate', 'two.safetensors', 9, true],
      ])
      expect(server.log.filter((line) => line.endsWith('bytes=0-'))).toHaveLength(2)
    })
  })
})
