/** The worker of a page, by itself: what it answers, and in which order. */
import { createHash } from 'node:crypto'
import { afterEach, expect, it, vi } from 'vitest'

interface Answer {
  readonly buffer: ArrayBuffer
  readonly hashes: readonly string[]
  readonly failure?: string
}

const posted: unknown[] = []
vi.stubGlobal('postMessage', (answer: unknown) => posted.push(answer))
const worker = '../../../src/checkpoint/page-worker.js' // no module: it exports nothing
await import(worker)
const ask = (length: number, spans: [number, number][]): void => {
  const data = { buffer: new ArrayBuffer(length), spans }
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
