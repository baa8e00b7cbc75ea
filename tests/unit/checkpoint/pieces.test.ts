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
})
