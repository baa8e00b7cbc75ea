/** The worker of a page, by itself: what it answers, and in which order. */
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'

interface Answer {
  readonly buffer: ArrayBuffer
  readonly hashes: readonly string[]
  readonly failure?: string
}

const posted: unknown[] = []
vi.stubGlobal('postMessage', (answer: unknown) => posted.push(answer))
const worker = '../../../src/checkpoint/page-worker.js' // no module: it exports nothing
await import(worker)
const ask = (length: number, spans: [number, number][], file?: { path: string; hash?: string }): void => {
  const data = { buffer: new ArrayBuffer(length), spans, file }
  ;(globalThis as unknown as { onmessage(event: { data: unknown }): void }).onmessage({ data })
}
const answers = async (count: number): Promise<Answer[]> => {
  await vi.waitFor(() => expect(posted).toHaveLength(count))
  return posted.splice(0) as Answer[]
}

afterEach(() => vi.restoreAllMocks())

it('says that it runs', () => {
  expect(posted.splice(0)).toEqual(['ready'])
})

it('answers in the order in which it was asked, however long digests take', async () => {
  const digest = crypto.subtle.digest.bind(crypto.subtle)
  vi.spyOn(crypto.subtle, 'digest').mockImplementation(async (name, bytes) => {
    await new Promise((resolve) => setTimeout(resolve, bytes.byteLength))
    return digest(name, bytes)
  })
  const lengths = [60, 40, 20, 0]
  for (const length of lengths) ask(length, [[0, length]])
  const all = await answers(lengths.length)
  expect(all.map(({ buffer }) => buffer.byteLength)).toEqual(lengths)
  const hashOf = (length: number): string => createHash('sha256').update(new Uint8Array(length)).digest('hex')
  expect(all.map(({ hashes }) => hashes)).toEqual(lengths.map((length) => [hashOf(length)]))
})

it('gives back what it could not hash, says why, and goes on', async () => {
  vi.spyOn(crypto.subtle, 'digest').mockRejectedValueOnce(new Error('no memory'))
  ask(10, [[0, 10]])
  ask(11, [[0, 11]])
  const [failed, next] = await answers(2)
  expect(failed).toMatchObject({ hashes: [], failure: 'no memory' })
  expect(failed?.buffer.byteLength).toBe(10)
  expect(next?.hashes).toHaveLength(1)
  expect(next?.failure).toBeUndefined()
})

describe('a file', () => {
  /** Files that take so many bytes in all, and no more. */
  const disk = (room: number): { removed: string[]; closed: () => number } => {
    const removed: string[] = []
    let closed = 0
    const file = {
      truncate: () => undefined,
      write: ({ length }: Uint8Array) => {
        if (length > room) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError')
        room -= length
        return length
      },
      read: () => 3,
      close: () => {
        closed++
      },
    }
    const folder = {
      getDirectoryHandle: () => Promise.resolve(folder),
      getFileHandle: () => Promise.resolve({ createSyncAccessHandle: () => Promise.resolve(file) }),
      removeEntry: (name: string) => Promise.resolve(removed.push(name)),
    }
    vi.stubGlobal('navigator', { storage: { getDirectory: () => Promise.resolve(folder) } })
    return { removed, closed: () => closed }
  }
  const HASH = 'ab'.repeat(32)

  it('that is written whole stays', async () => {
    const { removed, closed } = disk(164)
    ask(110, [[5, 105]], { path: 'a/b/c', hash: HASH })
    expect(await answers(1)).toMatchObject([{ hashes: [HASH] }])
    expect([removed, closed()]).toEqual([[], 1])
  })

  it('for which there is no room is closed and gone, and its bytes come back with the reason', async () => {
    const { removed, closed } = disk(163)
    ask(110, [[5, 105]], { path: 'a/b/c', hash: HASH })
    const [answer] = await answers(1)
    expect(answer).toMatchObject({ hashes: [], failure: 'The quota has been exceeded.' })
    expect(answer?.buffer.byteLength).toBe(110)
    expect([removed, closed()]).toEqual([['c'], 1])
  })

  it('that cannot be read whole is closed, and left', async () => {
    const { removed, closed } = disk(0)
    ask(110, [[5, 105]], { path: 'a/b/c' })
    expect(await answers(1)).toMatchObject([{ hashes: [], failure: 'only 6 bytes of a/b/c' }])
    expect([removed, closed()]).toEqual([[], 1])
  })
})
