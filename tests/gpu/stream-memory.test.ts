/** What a load gives back at its end, in pages as in Node. */
import { expect, test } from 'vitest'
import { memorySource } from '../../src/checkpoint/memory.js'
import { streamTensors } from '../../src/checkpoint/stream.js'
import type { ByteSource } from '../../src/checkpoint/types.js'

test('buffers are reused, and in pages given back when no read is left for them', async () => {
  const content = Uint8Array.from({ length: 40 << 20 }, (_, i) => i * 31 + (i >> 10))
  const memory = memorySource(content, 'f')
  const buffers = new Set<ArrayBufferLike>()
  const source: ByteSource = {
    ...memory,
    async read(begin, end, _signal, into = new Uint8Array(end - begin)) {
      buffers.add(into.buffer)
      into.set(await memory.read(begin, end))
      return into.subarray(0, end - begin)
    },
  }
  const got = new Uint8Array(content.length)
  const tensor = { name: 't', dtype: 'U8', shape: [content.length], file: 'f', begin: 0, end: content.length } as const
  await streamTensors([tensor], new Map([['f', source]]), ({ offset, bytes }) => got.set(bytes, offset))
  expect(got).toEqual(content)
  const left = [...buffers].map((buffer) => buffer.byteLength)
  const inPage = 'document' in globalThis // Node's are shared with the threads that hash, which nobody can take back
  expect(left).toEqual(Array(3).fill(inPage ? 0 : 12 << 20))
})
