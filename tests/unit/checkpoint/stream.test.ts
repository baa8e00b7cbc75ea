import fc from 'fast-check'
import { mkdtemp, open, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { memorySource } from '../../../src/checkpoint/memory.js'
import { openCheckpoint } from '../../../src/checkpoint/open.js'
import { planReads, streamTensors, type Read } from '../../../src/checkpoint/stream.js'
import type { ByteSource, TensorInfo } from '../../../src/checkpoint/types.js'
import { SovitError } from '../../../src/errors.js'
import { entry, expectError, fileOf, pattern } from './safetensors-cases.js'
import { seeded } from './seed.js'

const MiB = 2 ** 20

function tensor(file: string, begin: number, end: number): TensorInfo {
  return { name: `${file}.${begin}`, dtype: 'U8', shape: [end - begin], file, begin, end }
}

/** Tensors with gaps between them, shuffled, in two files. */
const scattered = fc
  .array(fc.record({ file: fc.constantFrom('a', 'b'), gap: fc.nat(60), size: fc.nat(4000), order: fc.nat() }))
  .map((items) => {
    const at: Record<string, number> = { a: 3, b: 0 }
    const placed = items.map(({ file, gap, size, order }) => {
      const begin = (at[file] ?? 0) + gap
      at[file] = begin + size
      return { order, tensor: tensor(file, begin, begin + size) }
    })
    return placed.sort((x, y) => x.order - y.order).map((one) => one.tensor)
  })

/** Bytes of a plan that no tensor has. */
function unasked(reads: readonly Read[]): number {
  const within = ({ begin, end, parts }: Read) =>
    parts.reduce((rest, part) => rest - part.end + part.begin, end - begin)
  return reads.reduce((sum, read) => sum + within(read), 0)
}

describe('planned reads', () => {
  it('cover every byte of every tensor once, in order, within their bounds, and next to no other', () => {
    const piece = fc.integer({ min: 1, max: 16 })
    const room = fc.integer({ min: 16, max: 5000 })
    fc.assert(
      fc.property(scattered, room, piece, (tensors, readBytes, pieceBytes) => {
        const reads = planReads(tensors, readBytes, pieceBytes)
        const got = new Map<TensorInfo, number>()
        let last = { file: '', end: 0 }
        for (const read of reads) {
          expect(read.end - read.begin).toBeLessThanOrEqual(readBytes)
          expect(read.parts.at(0)?.begin).toBe(read.begin)
          let at = read.begin
          for (const { tensor: whole, begin, end } of read.parts) {
            expect(begin).toBe(whole.begin + (got.get(whole) ?? 0))
            expect((begin - whole.begin) % pieceBytes).toBe(0)
            if (end < whole.end) expect((end - whole.begin) % pieceBytes).toBe(0)
            expect(end).toBeGreaterThan(begin)
            expect(begin).toBeGreaterThanOrEqual(at)
            got.set(whole, end - whole.begin)
            at = end
          }
          expect(read.end).toBe(at)
          expect(read.file > last.file || (read.file === last.file && read.begin >= last.end)).toBe(true)
          last = read
        }
        for (const whole of tensors) expect(got.get(whole) ?? 0).toBe(whole.end - whole.begin)
        const asked = tensors.reduce((sum, { begin, end }) => sum + end - begin, 0)
        expect(unasked(reads)).toBeLessThanOrEqual(0.005 * asked)
      }),
      seeded(),
    )
  })

  const spans = (tensors: readonly TensorInfo[]) => planReads(tensors).map(({ file, begin, end }) => [file, begin, end])

  it('join small tensors that touch, and skip what lies between others', () => {
    const tensors = [tensor('a', 0, 100), tensor('a', 100, 200), tensor('a', 210, 300), tensor('b', 300, 301)]
    expect(spans(tensors)).toEqual([
      ['a', 0, 200],
      ['a', 210, 300],
      ['b', 300, 301],
    ])
  })

  it('read over the least of gaps, which is cheaper than a request, while these are few bytes', () => {
    // 0.4% of 18 MiB is 75497 bytes.
    const tensors = [
      tensor('a', 0, 12 * MiB),
      tensor('a', 12 * MiB + 20_000, 14 * MiB),
      tensor('a', 14 * MiB + 2_000, 16 * MiB),
      tensor('a', 16 * MiB + 60_000, 18 * MiB),
    ]
    expect(spans(tensors)).toEqual([
      ['a', 0, 4 * MiB],
      ['a', 4 * MiB, 12 * MiB],
      ['a', 12 * MiB + 20_000, 16 * MiB],
      ['a', 16 * MiB + 60_000, 18 * MiB],
    ])
  })

  it('are some 70 of 12 MiB for the tower of MiniCPM-V-2.6', () => {
    const [width, mlp] = [1152, 4304]
    const matrices = [mlp * width, mlp * width, width * width, width * width, width * width, width * width]
    const block = [
      width,
      width,
      width,
      width,
      ...matrices.flatMap((size) => [size > width * width ? mlp : width, size]),
    ]
    let at = 1224432600
    const sizes = [width, width * 588, 4900 * width, ...Array.from({ length: 27 }, () => block).flat(), width, width]
    const reads = planReads(sizes.map((size) => tensor('a', at, (at += 2 * size))))
    expect(reads.length).toBeLessThanOrEqual(72)
    expect(Math.max(...reads.map(({ begin, end }) => end - begin))).toBeLessThanOrEqual(12 * MiB)
  })
})

describe('streaming', () => {
  const bytes = pattern(40 * MiB + 5)
  const whole = tensor('f', 3, bytes.length)

  /** Memory that answers asynchronously, into the given buffer, and counts reads in flight. */
  function slow(content = bytes, ms = (_begin: number) => 1) {
    let [now, most, reads] = [0, 0, 0]
    const buffers = new Set<ArrayBufferLike>()
    const memory = memorySource(content, 'f')
    const source: ByteSource = {
      ...memory,
      async read(begin, end, _signal, into = new Uint8Array(end - begin)) {
        reads++
        most = Math.max(most, ++now)
        await new Promise((resolve) => setTimeout(resolve, ms(begin)))
        buffers.add(into.buffer)
        into.set(await memory.read(begin, end))
        now--
        return into.subarray(0, end - begin)
      },
    }
    return { source, most: () => most, reads: () => reads, buffers }
  }

  it('hands over every byte in order, in three buffers, while the consumer takes its time', async () => {
    const { source, most, buffers } = slow()
    const got = new Uint8Array(bytes.length - 3)
    const progress: number[] = []
    let next = 0
    const consume = async (chunk: { offset: number; bytes: Uint8Array }): Promise<void> => {
      expect(chunk.offset).toBe(next)
      await new Promise((resolve) => setTimeout(resolve, 5))
      got.set(chunk.bytes, chunk.offset)
      next += chunk.bytes.length
    }
    await streamTensors([whole], new Map([['f', source]]), consume, { onProgress: (n) => progress.push(n) })
    expect(Buffer.from(got).equals(bytes.subarray(3))).toBe(true)
    expect(progress.at(-1)).toBe(got.length)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    expect(most()).toBeLessThanOrEqual(3)
    expect(buffers.size).toBe(3)
  })

  it('reads on in Node while what came is checked: three at a time still, in six buffers', async () => {
    const content = pattern(64 * MiB)
    const { source, most, buffers } = slow(content)
    const got = new Uint8Array(content.length)
    const check = async (_: unknown, bytes: Uint8Array) => {
      await expect.poll(() => buffers.size).toBe(6)
      return { bytes, refused: null }
    }
    const consume = (chunk: { offset: number; bytes: Uint8Array }): void => got.set(chunk.bytes, chunk.offset)
    await streamTensors([tensor('f', 0, content.length)], new Map([['f', source]]), consume, { check })
    expect(Buffer.compare(got, content)).toBe(0)
    expect([most(), buffers.size]).toEqual([3, 6])
  })

  it('starts no read after one was refused, even when others arrive', async () => {
    const content = pattern(64 * MiB)
    const { source, reads } = slow(content, (begin) => (begin === 0 ? 1 : 50))
    const check = ({ begin }: Read, bytes: Uint8Array) =>
      Promise.resolve({ bytes, refused: begin === 0 ? new SovitError('BAD_WEIGHTS', 'refused') : null })
    const work = streamTensors([tensor('f', 0, content.length)], new Map([['f', source]]), () => undefined, { check })
    await expectError(work, 'BAD_WEIGHTS')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(reads()).toBe(5) // the first twice, the two that were in flight, and the one in its place
  })

  it('stops at once when aborted, even while the consumer hangs', async () => {
    const { source } = slow()
    const abort = new AbortController()
    let chunks = 0
    const stuck = (): Promise<void> => {
      chunks++
      abort.abort('enough')
      return new Promise(() => undefined)
    }
    const work = streamTensors([whole], new Map([['f', source]]), stuck, { signal: abort.signal })
    const error = await expectError(work, 'ABORTED')
    expect(error).toMatchObject({ name: 'AbortError', cause: 'enough' })
    expect(chunks).toBe(1)
  })

  it.each(['before', 'by the last report of a read'])('never ends as if all had come when aborted %s', async (when) => {
    const { source } = slow()
    const abort = new AbortController()
    if (when === 'before') abort.abort()
    const onProgress = (loaded: number): void => {
      if (loaded === 24 * MiB) abort.abort() // the third of five
    }
    const work = streamTensors([whole], new Map([['f', source]]), () => undefined, { signal: abort.signal, onProgress })
    await expectError(work, 'ABORTED')
  })

  it("passes on the consumer's error and stops reading", async () => {
    const { source, buffers } = slow()
    const failing = (): void => {
      throw new RangeError('no room')
    }
    await expect(streamTensors([whole], new Map([['f', source]]), failing)).rejects.toThrow(RangeError)
    expect(buffers.size).toBe(3)
  })
})

describe('a file of 300 MB', () => {
  it('passes through less than 64 MB of memory', async () => {
    const folder = await mkdtemp(`${tmpdir()}/sovit-`)
    try {
      const rows = 30
      const size = 10_000_000
      const names = Array.from({ length: rows }, (_, i) => `layer.${i}`)
      const header = fileOf(`{${names.map((n, i) => entry(n, 'U8', [size], i * size, (i + 1) * size)).join(',')}}`)
      const path = `${folder}/sparse.safetensors`
      const file = await open(path, 'w')
      await file.write(header)
      await file.close()
      await truncate(path, header.length + rows * size)

      const checkpoint = await openCheckpoint(path)
      const before = process.memoryUsage()
      let peak = 0
      let total = 0
      await checkpoint.stream((await checkpoint.describe(names)).values(), (chunk) => {
        const { heapUsed, arrayBuffers } = process.memoryUsage()
        peak = Math.max(peak, heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers)
        total += chunk.bytes.length
      })
      await checkpoint.close()
      expect(total).toBe(rows * size)
      console.info(`streamed ${total} bytes with ${(peak / 1e6).toFixed(1)} MB more than before`)
      expect(peak).toBeLessThan(64e6)
      expect(checkpoint.fetchedBytes).toBeLessThan(total + 70_000)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
