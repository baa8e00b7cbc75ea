/** Bodies straight from sockets: what a server may put on the wire, and when its answers are left to node:http. */
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { nodeClient } from '../../../src/checkpoint/http-node.js'
import { Sockets } from '../../../src/checkpoint/http-socket.js'
import { httpSource } from '../../../src/checkpoint/http.js'
import { expectError, pattern } from './safetensors-cases.js'
import { seeded } from './seed.js'
import { files, hurried, serve } from './server.js'
import { wire } from './wire.js'

const closing: (() => unknown)[] = []
const never = new AbortController().signal

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** Status and body of an answer; null where it is node:http's. */
async function read(sockets: Sockets, url: URL, stop = new AbortController()): Promise<[number, string | null] | null> {
  const reply = await sockets.get(url, { range: 'bytes=0-4' }, http.globalAgent, stop.signal)
  if (!reply?.pieces) return reply && [reply.status, null]
  let text = ''
  for (let piece = await reply.pieces.next(); piece; piece = await reply.pieces.next()) {
    text += Buffer.from(piece).toString('latin1')
  }
  stop.abort() // as whoever has read it does
  return [reply.status, text]
}

const head = 'HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nETag: "1"\r\n\r\n'

describe('an answer', () => {
  it('is asked for as a GET of path and query', async () => {
    const { url, asked } = await wire(`${head}hello`)
    expect(await read(new Sockets(), url)).toEqual([206, 'hello'])
    expect(asked).toEqual([`GET /f?a=b HTTP/1.1\r\nHost: ${url.host}\r\nrange: bytes=0-4\r\n\r\n`])
  })

  it('is read however it is cut into packets, and after answers that are none yet', async () => {
    const text = `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${head}hello`
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(text.length), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length]
        const { url } = await wire(...at.slice(1).map((end, i) => text.slice(at[i], end)))
        expect(await read(new Sockets(), url)).toEqual([206, 'hello'])
      }),
      seeded(50),
    )
  })

  it('of megabytes comes whole', async () => {
    const body = Buffer.from(pattern(3_000_001))
    const { url } = await wire(`HTTP/1.1 200 OK\r\ncontent-length:${body.length}\r\n\r\n`, body)
    expect(await read(new Sockets(), url)).toEqual([200, body.toString('latin1')])
  })

  it('tells its headers by any case, and of two the first', async () => {
    const { url } = await wire('HTTP/1.1 206 \r\nCONTENT-LENGTH:0\r\nX-A:  one two \r\nx-a: three\r\n\r\n')
    const reply = await new Sockets().get(url, {}, http.globalAgent, never)
    expect(reply?.headers.get('x-a')).toBe('one two')
  })

  it.each([
    ['in chunks', 'HTTP/1.1 206 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['until the connection ends', 'HTTP/1.1 206 OK\r\n\r\nhello'],
    ['of HTTP/1.0', 'HTTP/1.0 206 OK\r\nContent-Length: 5\r\n\r\nhello'],
    ['of no HTTP', 'hello\r\n\r\n'],
    ['with a folded header', 'HTTP/1.1 206 OK\r\nContent-Length: 5\r\nX: a\r\n b\r\n\r\nhello'],
    ['with a length that is none', 'HTTP/1.1 206 OK\r\nContent-Length: 5, 5\r\n\r\nhello'],
    ['whole and encoded', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\nhello'],
    ['with no end of its head', `HTTP/1.1 206 OK\r\nX: ${'x'.repeat(40_000)}`],
  ])('%s is left to node:http, and its connection closed', async (_, text) => {
    const { url, sockets } = await wire(text)
    expect(await read(new Sockets(), url)).toBeNull()
    await vi.waitFor(() => expect(sockets[0]?.closed).toBe(true))
  })

  it.each([
    [302, 'Location: /g'],
    [404, 'Content-Length: 5'],
    [206, 'Content-Length: 5\r\nContent-Encoding: gzip'],
  ])('of status %i with %j tells all by its head', async (status, fields) => {
    const { url, sockets } = await wire(`HTTP/1.1 ${status} X\r\n${fields}\r\n\r\nhello`)
    expect(await read(new Sockets(), url)).toEqual([status, null])
    await vi.waitFor(() => expect(sockets[0]?.closed).toBe(true))
  })
})

describe('a connection', () => {
  it('serves the next request', async () => {
    const { url, sockets, asked } = await wire(`${head}hello`)
    const own = new Sockets()
    for (let i = 0; i < 3; i++) expect(await read(own, url)).toEqual([206, 'hello'])
    expect([sockets.length, asked.length]).toEqual([1, 3])
  })

  it.each([
    ['that the server wants closed', head.replace('ETag', 'Connection: close\r\nETag'), 'hello'],
    ['that brought more than it told', head, 'hello, world'],
  ])('%s serves no other', async (_, head, body) => {
    const { url, sockets } = await wire(head + body)
    const own = new Sockets()
    for (let i = 0; i < 2; i++) expect(await read(own, url)).toEqual([206, 'hello'])
    expect(sockets).toHaveLength(2)
    await vi.waitFor(() => expect(sockets[0]?.closed).toBe(true))
  })

  it.each<[string, (socket: Socket) => unknown]>([
    ['that the server closes', (socket) => socket.end()],
    ['that the server resets', (socket) => socket.resetAndDestroy()],
    ['on which something comes unasked', (socket) => socket.write('HTTP/1.1 408 Request Timeout\r\n\r\n')],
  ])('%s while it waits is forgotten', async (_, act) => {
    const { url, sockets } = await wire(`${head}hello`)
    const own = new Sockets()
    await read(own, url)
    if (sockets[0]) act(sockets[0])
    await vi.waitFor(() => expect(sockets[0]?.closed).toBe(true))
    expect(await read(own, url)).toEqual([206, 'hello'])
  })

  it('that nobody wants any more is closed', async () => {
    const { url, sockets } = await wire(`${head}hello`)
    await read(new Sockets(), url)
    await vi.waitFor(() => expect(sockets[0]?.closed).toBe(true), { timeout: 5000 })
  })

  it('that ends before the body does is an error', async () => {
    const { url, sockets } = await wire(head, 'hel')
    const reading = read(new Sockets(), url)
    await vi.waitFor(() => expect(sockets[0]?.bytesWritten).toBe(head.length + 3))
    sockets[0]?.end()
    await expect(reading).rejects.toThrow('closed')
  })

  it.each([
    ['before the head', []],
    ['in the body', [head, 'hel']],
  ])('is closed when the request is given up %s', async (_, packets) => {
    const { url, sockets, asked } = await wire(...packets)
    const stop = new AbortController()
    const reading = read(new Sockets(), url, stop)
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    setTimeout(() => stop.abort(), 20)
    await expect(reading).rejects.toThrow('closed')
    await vi.waitFor(() => expect(sockets[0]?.closed).toBe(true))
  })

  it('sends no header that would end its line', async () => {
    const { url, asked } = await wire(`${head}hello`)
    const token = { authorization: 'Bearer a\r\nX: y' }
    await expect(new Sockets().get(url, token, http.globalAgent, never)).rejects.toThrow('authorization')
    expect(asked).toEqual([])
  })
})

describe('sockets are opened as node:http opens them', () => {
  const bytes = pattern(300_000)

  it.each([true, false])('over TLS, with the certificates of the global agent: %s', async (trusted) => {
    const pem = readFileSync(new URL('fixtures/localhost.pem', import.meta.url), 'utf8')
    const server = https.createServer({ key: pem, cert: pem }, files({ '/f': bytes }))
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
    const { options } = https.globalAgent
    options.ca = pem
    closing.push(() => {
      delete options.ca
      server.closeAllConnections()
      server.close()
    })
    const url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/f`)
    if (!trusted) delete options.ca
    const reading = new Sockets().get(url, { range: 'bytes=0-' }, https.globalAgent, never)
    if (!trusted) return expect(reading).rejects.toThrow('self-signed certificate')
    expect((await reading)?.status).toBe(206)
    const source = httpSource(url, nodeClient({}), hurried().patience)
    expect(Buffer.from(await source.read(5, 290_000)).equals(bytes.subarray(5, 290_000))).toBe(true)
  })

  it.each([
    ['read from sockets', '', undefined, undefined],
    ['left to node:http where a password is to be sent', 'me:secret@', undefined, 'keep-alive'],
    ['left to node:http where its agent knows a proxy', '', {}, 'keep-alive'],
  ])('and files are %s', async (_, user, proxyEnv, expected) => {
    const seen: unknown[] = []
    const server = await serve((request, response) => {
      seen.push(request.headers.connection) // which node:http sends
      files({ '/f': bytes })(request, response)
    })
    closing.push(() => server.close())
    const { options } = http.globalAgent as { options?: { proxyEnv?: object } }
    if (options && proxyEnv) {
      options.proxyEnv = proxyEnv
      closing.push(() => delete options.proxyEnv)
    }
    const url = new URL(`${server.url.replace('//', `//${user}`)}/f`)
    expect(await httpSource(url, nodeClient({}), hurried().patience).read(1, 3)).toEqual(bytes.subarray(1, 3))
    expect(seen).toEqual(['keep-alive', expected])
  })

  it('but not past a global agent of the program', async () => {
    const server = await serve(files({ '/f': bytes }))
    closing.push(() => server.close())
    const own = http.globalAgent
    class Refusing extends http.Agent {
      override createConnection(): never {
        throw new Error('by the agent')
      }
    }
    closing.push(() => (http.globalAgent = own))
    const source = httpSource(new URL(`${server.url}/f`), nodeClient({}), hurried().patience)
    expect(await source.read(1, 3)).toEqual(bytes.subarray(1, 3))
    http.globalAgent = new Refusing()
    server.log.length = 0
    await expectError(source.read(1, 3), 'NETWORK', 'by the agent')
    expect(server.log).toEqual([])
  })
})
