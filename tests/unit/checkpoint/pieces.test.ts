import { describe, expect, it } from 'vitest'
import { piecesOf } from '../../../src/checkpoint/pieces.js'
import { pattern } from './safetensors-cases.js'

const bytes = pattern(3_000_017)

/** A stream that takes buffers, and hands its bytes over in pieces of this size. */
function filling(size: number): ReadableStream<Uint8Array> {
  let at = 0
  const pull = (controller: ReadableByteStreamController): void => {
    if (at < bytes.length) controller.enqueue(new Uint8Array(bytes.slice(at, (at += size))))
    else {
      controller.close()
      controller.byobRequest?.respond(0)
    }
  }
  return new ReadableStream({ type: 'bytes', pull })
}

function making(size: number): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, (at += size)))
      else controller.close()
    },
  })
}

const bodies: readonly (readonly [string, () => ReadableStream<Uint8Array> | null])[] = [
  ['a stream that fills buffers', () => filling(70_001)],
  ['such of pieces larger than a buffer', () => filling(1_000_003)],
  ['a stream that makes its pieces', () => making(70_001)],
  ['the body of a response', () => new Response(new Uint8Array(bytes)).body],
  ['a blob', () => new Blob([new Uint8Array(bytes)]).stream()],
]

describe('pieces of', () => {
  it.each(bodies)('%s are all of its bytes, in order', async (_, make) => {
    const pieces = piecesOf(make() ?? making(1))
    const got: Buffer[] = []
    // Copied at once, as a piece is valid until the next.
    for (let piece = await pieces.next(); piece; piece = await pieces.next()) got.push(Buffer.from(piece))
    expect(Buffer.concat(got).equals(bytes)).toBe(true)
    expect(await pieces.next()).toBeNull()
    pieces.cancel()
  })

  it('a stream that fails are those before, then its error', async () => {
    let asked = 0
    const pull = (controller: ReadableByteStreamController): void => {
      if (asked++ === 0) controller.enqueue(new Uint8Array(10))
      else controller.error(new TypeError('gone'))
    }
    const pieces = piecesOf(new ReadableStream({ type: 'bytes', pull }))
    const read = async (): Promise<number> => {
      let length = 0
      for (let piece = await pieces.next(); piece; piece = await pieces.next()) length += piece.length
      return length
    }
    await expect(read()).rejects.toThrow('gone')
  })

  it('bodies of one time share no buffer, though those of ended ones serve again', async () => {
    const first = piecesOf(filling(70_001))
    const buffers: unknown[] = []
    for (let piece = await first.next(); piece; piece = await first.next()) buffers.push(piece.buffer.byteLength)
    expect(new Set(buffers).size).toBe(1)
    await first.next() // harmless
    const two = [piecesOf(filling(70_001)), piecesOf(filling(70_001))]
    const [a, b] = [await two[0]?.next(), await two[1]?.next()]
    expect(a?.buffer).not.toBe(b?.buffer)
    expect([a, b].map((piece) => Buffer.from(piece ?? []).equals(bytes.subarray(0, 70_001)))).toEqual([true, true])
  })
})
