/** Bodies that sockets bring straight to where they belong. */
import fc from 'fast-check'
import http from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { Sockets, type Reply } from '../../../src/checkpoint/http-socket.js'
import { nodeClient } from '../../../src/checkpoint/http-node.js'
import { httpSource } from '../../../src/checkpoint/http.js'
import { pattern } from './safetensors-cases.js'
import { seeded } from './seed.js'
import { files, hurried, serve } from './server.js'
import { wire } from './wire.js'

const headOf = (length: number): string => `HTTP/1.1 206 Partial Content\r\nContent-Length: ${length}\r\n\r\n`
/** Shared memory, as loads use, filled with what no body has. */
const roomOf = (length: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(length)).fill(255)
const bodyOf = (length: number): Uint8Array => pattern(length).map((byte) => byte & 127)
const ask = (sockets: Sockets, url: URL, stop = new AbortController()): Promise<Reply | null> =>
  sockets.get(url, {}, http.globalAgent, stop.signal)

/** Puts a body into `room`, and tells how much of it came there by itself. */
async function fill(reply: Reply | null, room: Uint8Array): Promise<{ length: number; straight: number }> {
  reply?.pieces?.fill?.(room)
  let [length, straight] = [0, 0]
  for (let piece = await reply?.pieces?.next(); piece; piece = await reply?.pieces?.next()) {
    if (piece.buffer === room.buffer) {
      expect(piece.byteOffset).toBe(room.byteOffset + length)
      straight += piece.length
    } else room.set(piece, length)
    length += piece.length
  }
  return { length, straight }
}

describe('a body', () => {
  it('comes straight into its room, past what came with the head', async () => {
    const body = bodyOf(5_000_001)
    const { url } = await wire(headOf(body.length), body)
    const room = roomOf(body.length + 20).subarray(10, -10)
    const { length, straight } = await fill(await ask(new Sockets(), url), room)
    expect(length).toBe(body.length)
    expect(straight).toBeGreaterThan(body.length / 2)
    expect(Buffer.compare(room, body)).toBe(0)
    expect([...new Uint8Array(room.buffer, 0, 10), ...new Uint8Array(room.buffer, body.length + 10)]).toEqual(
      Array(20).fill(255),
    )
  })

  it('is the same however it is cut into packets', async () => {
    const body = bodyOf(4000)
    const text = Buffer.concat([Buffer.from(headOf(body.length)), body])
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(text.length), { maxLength: 8 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length]
        const { url } = await wire(...at.slice(1).map((end, i) => text.subarray(at[i], end)))
        const room = roomOf(body.length)
        expect((await fill(await ask(new Sockets(), url), room)).length).toBe(body.length)
        expect(Buffer.compare(room, body)).toBe(0)
      }),
      seeded(50),
    )
  })

  it.each([0, 100])('that is longer than was told ends there, in a room with %i bytes more', async (more) => {
    const body = bodyOf(1_000_000)
    const { url } = await wire(headOf(body.length), Buffer.concat([body, Buffer.from('more')]))
    const room = roomOf(body.length + more)
    const { length } = await fill(await ask(new Sockets(), url), room)
    expect(length).toBe(body.length)
    expect(Buffer.compare(room.subarray(0, length), body)).toBe(0)
    expect([...room.subarray(length)]).toEqual(Array(more).fill(255))
  })

  it('of the next request on a connection goes to its own room', async () => {
    const body = bodyOf(2_000_000)
    const { url, sockets } = await wire(headOf(body.length), body)
    const [first, second] = [roomOf(body.length), roomOf(body.length)]
    const own = new Sockets()
    for (const room of [first, second]) {
      const stop = new AbortController()
      await fill(await ask(own, url, stop), room)
      stop.abort()
      expect(Buffer.compare(room, body)).toBe(0)
      first.fill(0)
    }
    expect(sockets).toHaveLength(1)
    expect(first.every((byte) => byte === 0)).toBe(true)
  })

  it('that was given up writes nothing any more', async () => {
    const body = bodyOf(1000)
    const { url, sockets } = await wire(headOf(3_000_000), bodyOf(600_000))
    const room = roomOf(3_000_000)
    const stop = new AbortController()
    const filling = fill(await ask(new Sockets(), url, stop), room)
    await vi.waitFor(() => expect(room[599_999]).not.toBe(255))
    stop.abort()
    sockets[0]?.write(body)
    await expect(filling).rejects.toThrow('closed')
    await vi.waitFor(() => expect(sockets[0]?.closed).toBe(true))
    expect(room.subarray(600_000).every((byte) => byte === 255)).toBe(true)
  })
})

it('ranges of a file are the same in memory that is shared and in memory that is not, and go on where one broke off', async () => {
  const bytes = pattern(4_000_000)
  let cut = false
  const server = await serve((request, response) => {
    const [, begin] = /bytes=(\d+)-\d{3,}/.exec(request.headers.range ?? '') ?? []
    if (begin === undefined || cut) return files({ '/f': bytes })(request, response)
    cut = true
    const end = Number(begin) + 3_500_000
    response.writeHead(206, {
      'content-range': `bytes ${begin}-${end - 1}/${bytes.length}`,
      'content-length': end - Number(begin),
    })
    response.write(bytes.subarray(Number(begin), end - 700_000), () => response.destroy())
  })
  try {
    const source = httpSource(new URL(`${server.url}/f`), nodeClient({}), hurried().patience)
    for (const room of [roomOf(3_500_000), new Uint8Array(3_500_000)]) {
      cut = false
      expect(Buffer.compare(await source.read(77, 3_500_077, undefined, room), bytes.subarray(77, 3_500_077))).toBe(0)
      expect(cut).toBe(true)
    }
  } finally {
    await server.close()
  }
})
