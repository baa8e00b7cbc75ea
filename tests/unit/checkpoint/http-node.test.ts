/** Node's own client beside `fetch`: what servers do to both is in the other files. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Send } from '../../../src/checkpoint/http-ask.js'
import { nodeClient } from '../../../src/checkpoint/http-node.js'
import { httpSource } from '../../../src/checkpoint/http.js'
import type { ByteSource } from '../../../src/checkpoint/types.js'
import { expectError, pattern } from './safetensors-cases.js'
import { CLIENTS, files, hurried, serve, type Handler, type Server } from './server.js'

const bytes = pattern(100_000)
const open: Server[] = []

afterEach(async () => {
  vi.unstubAllGlobals()
  await Promise.all(open.splice(0).map((server) => server.close()))
})

async function server(handler: Handler): Promise<Server> {
  const server = await serve(handler)
  open.push(server)
  return server
}

const file = (url: string, send: Send): ByteSource => httpSource(new URL(url), send, hurried().patience)

const redirect =
  (location: string, status = 302): Handler =>
  (_request, response) =>
    void response.writeHead(status, { location }).end('moved')

/** A file that is at `/f` by way of this redirect. */
const moved =
  (to: string, status?: number): Handler =>
  (request, response) =>
    (request.url === '/f' ? redirect(to, status) : files({ '/g': bytes }))(request, response)

describe('redirects', () => {
  it.each([301, 302, 303, 307, 308])('of status %i are followed', async (status) => {
    const { url, log } = await server(moved('g', status))
    expect(await file(`${url}/f`, nodeClient({})).read(1, 9)).toEqual(bytes.subarray(1, 9))
    expect(log).toEqual(['/f bytes=0-0', '/g bytes=0-0', '/f bytes=1-8', '/g bytes=1-8'].map((line) => `GET ${line}`))
  })

  it.each([
    ['/f', 'redirects more than 20 times', 3 * 21],
    ['file:///etc/hosts', 'file:', 3],
  ])('to %s end: NETWORK', async (location, words, requests) => {
    const { url, log } = await server(redirect(location))
    await expectError(file(`${url}/f`, nodeClient({})).size(), 'NETWORK', words)
    expect(log).toHaveLength(requests)
  })

  it('take the token along on the hub, and nowhere else', async () => {
    const seen: string[] = []
    const noting = (name: string, handler: Handler): Promise<Server> =>
      server((request, response) => {
        seen.push(`${name}${request.url} ${request.headers.authorization}`)
        handler(request, response)
      })
    const content = await noting('content', files({ '/signed': bytes }))
    const hub = await noting('hub', (request, response) =>
      redirect(request.url === '/f' ? '/resolved' : `${content.url}/signed`)(request, response),
    )
    const send = nodeClient({ HF_ENDPOINT: hub.url, HF_TOKEN: 'secret' })
    await file('https://huggingface.co/f', send).size()
    expect(seen).toEqual(['hub/f Bearer secret', 'hub/resolved Bearer secret', 'content/signed undefined'])
    seen.length = 0
    await file(`${content.url}/signed`, send).size()
    expect(seen).toEqual(['content/signed undefined'])
  })
})

it('three connections serve all reads that follow one another, redirects and all', async () => {
  const connections = new Set<number | undefined>()
  const { url } = await server((request, response) => {
    connections.add(request.socket.remotePort)
    moved('g')(request, response)
  })
  const source = file(`${url}/f`, nodeClient({}))
  for (const begin of [0, 500, 70_000]) {
    expect(await source.read(begin, begin + 20_000)).toEqual(bytes.subarray(begin, begin + 20_000))
  }
  expect(connections.size).toBeLessThanOrEqual(3)
})

it('a connection is let go when its answer is not read to its end', async () => {
  let closed = 0
  const { url, log } = await server((request, response) => {
    request.socket.on('close', () => closed++)
    response.writeHead(206, { 'content-range': 'bytes 1-2/9', 'content-length': 2 }).write('1')
  })
  await expectError(file(`${url}/f`, nodeClient({})).read(0, 9), 'NETWORK', 'asked for')
  await vi.waitFor(() => expect(closed).toBe(log.length))
})

describe.each(CLIENTS)('$client', ({ send }) => {
  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ] as const)('decodes %s of a server that gives small files no other way', async (encoding, encode) => {
    const headers = { 'content-encoding': encoding }
    const { url } = await server((_request, response) => void response.writeHead(200, headers).end(encode(bytes)))
    const source = file(`${url}/f`, send)
    expect(await source.size()).toBe(bytes.length)
    expect(await source.read(3, 99)).toEqual(bytes.subarray(3, 99))
  })

  it('asks for no encoding', async () => {
    const asked: unknown[] = []
    const { url } = await server((request, response) => {
      asked.push(request.headers['accept-encoding'])
      files({ '/f': bytes })(request, response)
    })
    await file(`${url}/f`, send).size()
    expect(asked).toEqual(['identity'])
  })
})

describe('a program that sends requests its own way', () => {
  it('by a global fetch is asked', async () => {
    const { url } = await server(files({ '/f': bytes }))
    const real = fetch
    const asked = vi.fn<typeof fetch>((input, init) => real(input, init))
    vi.stubGlobal('fetch', asked)
    expect(await file(`${url}/f`, nodeClient({})).size()).toBe(bytes.length)
    expect(asked).toHaveBeenCalledOnce()
  })

  it('by a dispatcher of fetch is asked', async () => {
    class Proxy {
      dispatch(_options: unknown, handler: { onError?(error: Error): void }): boolean {
        handler.onError?.(new Error('by proxy'))
        return true
      }
    }
    const { url, log } = await server(files({ '/f': bytes }))
    await fetch(url) // which makes the dispatcher there is
    log.length = 0
    const all = globalThis as Record<symbol, unknown>
    const [name, own] = [Symbol.for('undici.globalDispatcher.1'), all[Symbol.for('undici.globalDispatcher.1')]]
    all[name] = new Proxy()
    try {
      await expectError(file(`${url}/f`, nodeClient({})).size(), 'NETWORK', 'by proxy')
      expect(log).toEqual([])
    } finally {
      all[name] = own
    }
  })
})
