/** Which thread hashes what, by threads that answer when they are told to. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Listener, Thread } from '../../../src/checkpoint/hash-jobs.js'
import { hashThreads } from '../../../src/checkpoint/hash-node.js'
import type { Span } from '../../../src/checkpoint/hash.js'

interface Fake {
  readonly listener: Listener
  /** What it has to do. */
  readonly posted: { readonly buffer: ArrayBufferLike; readonly spans: readonly Span[] }[]
  ended: boolean
}

function fakes(fails = false): { threads: Fake[]; start: (listener: Listener) => Promise<Thread> } {
  const threads: Fake[] = []
  const start = async (listener: Listener): Promise<Thread> => {
    await Promise.resolve()
    if (fails) throw new Error('no threads here')
    const fake: Fake = { listener, posted: [], ended: false }
    threads.push(fake)
    return {
      post: (buffer, spans) => fake.posted.push({ buffer, spans }),
      end: () => (fake.ended = true),
    }
  }
  return { threads, start }
}

const answer = (fake: Fake | undefined, moved = false): void => {
  const { buffer } = fake?.posted.shift() ?? {}
  fake?.listener.answered({ hashes: ['h'], ...(moved && { buffer: buffer as ArrayBuffer }) })
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('threads that hash', () => {
  it('are one, and another when that has two things to do, and no more', async () => {
    const { threads, start } = fakes()
    const ready = hashThreads(start)
    const posted = (): number[] => threads.map((fake) => fake.posted.length)
    const jobs: Promise<unknown>[] = []
    const seen = []
    for (let i = 0; i < 6; i++) {
      const hash = await ready()
      if (hash) jobs.push(hash(new Uint8Array(i), [[0, i]]))
      seen.push(posted())
    }
    expect(seen).toEqual([[1], [2], [2, 1], [2, 2], [3, 2], [3, 3]])
    for (const fake of threads) while (fake.posted.length > 0) answer(fake)
    expect(await Promise.all(jobs)).toHaveLength(6)
  })

  it('give each its own bytes back, from another buffer where they were moved', async () => {
    const { threads, start } = fakes()
    const hash = await hashThreads(start)()
    const bytes = Uint8Array.from([0, 1, 2, 3, 4]).subarray(1, 4)
    const both = [hash?.(bytes, [[1, 2]]), hash?.(bytes, [[0, 3]])]
    expect(threads[0]?.posted.map(({ spans }) => spans)).toEqual([[[2, 3]], [[1, 4]]])
    answer(threads[0])
    answer(threads[0], true)
    const [stayed, moved] = [await both[0], await both[1]]
    expect(stayed?.bytes).toBe(bytes)
    expect(moved?.bytes).not.toBe(bytes)
    expect(moved?.bytes).toEqual(bytes)
  })

  it('end when there was nothing to do for a while, and start anew', async () => {
    const { threads, start } = fakes()
    const ready = hashThreads(start)
    const done = (await ready())?.(new Uint8Array(1), [])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(threads[0]?.ended).toBe(false)
    answer(threads[0])
    await done
    await vi.advanceTimersByTimeAsync(500)
    await ready()
    expect(threads).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(threads[0]?.ended).toBe(true)
    await ready()
    expect(threads).toHaveLength(2)
  })

  it('that fail say so to all who wait', async () => {
    const { threads, start } = fakes()
    const ready = hashThreads(start)
    const hash = await ready()
    const both = Promise.allSettled([hash?.(new Uint8Array(1), []), hash?.(new Uint8Array(2), [])])
    threads[0]?.listener.failed(new Error('gone'))
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(threads[0]?.ended).toBe(true)
    expect(await ready()).not.toBeNull()
    expect(threads).toHaveLength(2)
  })

  it('that cannot start are none, now and later', async () => {
    const ready = hashThreads(fakes(true).start)
    expect([await ready(), await ready()]).toEqual([null, null])
  })
})
