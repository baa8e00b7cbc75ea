import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { openCache } from '../../../src/checkpoint/cache.js'
import { hashSpans, sha256, type Span } from '../../../src/checkpoint/hash.js'
import { memorySource } from '../../../src/checkpoint/memory.js'
import { roomToHash } from '../../../src/checkpoint/stream.js'
import { MemoryCache } from '../../support/memory-cache.js'
import { pattern } from './safetensors-cases.js'

const all = pattern(300_000)
const spans: readonly Span[] = [
  [0, 100_000],
  [100_000, 100_001],
  [250_000, 290_000],
  [5, 5],
]
/** Bytes that do not begin with their buffer. */
const inside = (): Uint8Array => Uint8Array.from(all).subarray(10_000)
const shared = (bytes: Uint8Array): Uint8Array => {
  const room = roomToHash(bytes.length)
  room.set(bytes)
  return room
}
const expected = spans.map(([begin, end]) => createHash('sha256').update(inside().subarray(begin, end)).digest('hex'))

describe('hashes of spans', () => {
  it.each([
    ['of shared bytes are made by another thread', roomToHash(all.length), 0],
    ['of others by this one', new Uint8Array(all.length), spans.length],
  ])('%s, and the bytes stay where they are', async (_, room, digests) => {
    const digest = vi.spyOn(crypto.subtle, 'digest')
    room.set(all)
    const given = room.subarray(10_000)
    const { bytes, hashes } = await hashSpans(given, spans, true)
    expect(hashes).toEqual(expected)
    expect(digest).toHaveBeenCalledTimes(digests)
    expect(bytes).toBe(given)
    expect(Buffer.compare(given, inside())).toBe(0)
    digest.mockRestore()
  })

  it('of shared bytes are right without another thread, too', async () => {
    expect(await sha256(shared(all).subarray(10_000, 110_000))).toBe(expected[0])
  })

  it('asked for at one time, and again after a while, are of the right bytes', async () => {
    const many = Array.from({ length: 20 }, (_, i) => pattern(1000 + i, i))
    const hash = (list: readonly Uint8Array[]): Promise<(string | undefined)[]> =>
      Promise.all(list.map(async (one) => (await hashSpans(shared(one), [[0, one.length]], true)).hashes[0]))
    const right = many.map((one) => createHash('sha256').update(one).digest('hex'))
    expect(await hash(many)).toEqual(right)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    expect(await hash(many)).toEqual(right)
  })
})

it('what a source has in memory of its own stays there when it is kept', async () => {
  const mine = pattern(1000)
  const wrap = await openCache(new MemoryCache(), { bytes: 0, cached: 0 }, {})
  const file = wrap({ ...memorySource(mine, 'm'), version: () => Promise.resolve('1') }, new URL('http://host/m'))
  expect(await file.read(3, 900)).toEqual(pattern(1000).subarray(3, 900))
  expect(mine.length).toBe(1000)
})

it('a process ends when its load does: the thread holds up nothing', () => {
  const thread = join(import.meta.dirname, '../../../dist/hash-node.js')
  const code = `
    const { nodeThread } = await import(${JSON.stringify(thread)})
    const { hashes } = await (await nodeThread())(new Uint8Array(3), [[0, 3]])
    const done = performance.now()
    process.on('exit', () => console.log(hashes[0].slice(0, 8), performance.now() - done < 500))`
  const printed = execFileSync('node', ['--input-type=module', '-e', code], { encoding: 'utf8' })
  expect(printed.trim()).toBe(`${createHash('sha256').update(new Uint8Array(3)).digest('hex').slice(0, 8)} true`)
})
