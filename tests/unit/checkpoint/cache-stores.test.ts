/** Where a page keeps chunks, of its files and the Cache API, and that what either holds is found, counted and deleted. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { clearStore, openCache, storedBytes } from '../../../src/checkpoint/cache.js'
import type { ChunkStore } from '../../../src/checkpoint/cache-stores.js'
import { memorySource } from '../../../src/checkpoint/memory.js'
import { MemoryCache } from '../../support/memory-cache.js'
import { pattern } from './safetensors-cases.js'

const page = vi.hoisted(() => ({ files: null as ChunkStore | null }))
vi.mock('../../../src/checkpoint/in-node.js', () => ({ inNode: false }))
vi.mock('../../../src/checkpoint/cache-page.js', () => ({ pageStore: () => Promise.resolve(page.files) }))

const URL_OF_FILE = new URL('https://host/m')
const BYTES = 1000
let held: Map<string, { bytes: Uint8Array; hash: string }>
let responses: MemoryCache
/** Why files take nothing. */
let failure: string | undefined
let said: string[]

beforeEach(() => {
  held = new Map()
  failure = undefined
  said = []
  page.files = {
    get: (key) => Promise.resolve(held.get(key) ?? null),
    has: (key) => Promise.resolve(held.has(key)),
    put(key, bytes, hash) {
      if (failure === undefined) held.set(key, { bytes: bytes.slice(), hash })
      return Promise.resolve({ bytes, failure })
    },
    delete: (key) => Promise.resolve(void held.delete(key)),
    keys: () => Promise.resolve([...held.keys()]),
  }
  responses = new MemoryCache()
  vi.stubGlobal('caches', { open: () => Promise.resolve(responses) })
})
const withoutCacheApi = (): void =>
  void vi.stubGlobal('caches', { open: () => Promise.reject(new Error('no room here')) })

/** Reads a file of a server that has it, or of none. */
async function read(server = true): Promise<Uint8Array> {
  const meter = { bytes: 0, cached: 0 }
  const wrap = await openCache(true, meter, {
    cacheOnly: !server,
    onCacheFailure: (message) => void said.push(message),
  })
  const file = wrap({ ...memorySource(pattern(BYTES), 'm'), version: () => Promise.resolve('1') }, URL_OF_FILE)
  return file.read(0, BYTES)
}
/** A record and a chunk each. */
const where = () => ({ files: held.size, responses: responses.entries.size })

describe('a page keeps chunks', () => {
  it('in its files', async () => {
    await read()
    expect(where()).toEqual({ files: 2, responses: 0 })
    expect(await read(false)).toEqual(pattern(BYTES))
    expect(said).toEqual([])
  })

  it('in its files, also where the Cache API fails', async () => {
    withoutCacheApi()
    await read()
    expect(where()).toEqual({ files: 2, responses: 0 })
    expect(said).toEqual([])
  })

  it.each([
    ['no worker starts that writes files', () => (failure = 'no worker')],
    ['it has no files', () => (page.files = null)],
  ])('by the Cache API, where %s', async (_, lack) => {
    lack()
    await read()
    expect(where()).toEqual({ files: 0, responses: 2 })
    expect(await read(false)).toEqual(pattern(BYTES))
    expect(said).toEqual([])
  })

  it.each([
    ['it has neither', () => (page.files = null), 'no room here'],
    ['its files are full', () => (failure = 'quota exceeded'), 'quota exceeded'],
  ])('nowhere, where %s, says why, and reads all the same', async (_, lack, why) => {
    withoutCacheApi()
    lack()
    expect(await read()).toEqual(pattern(BYTES))
    expect(said).toEqual([expect.stringContaining(why)])
    expect(await storedBytes(true)).toBe(0)
  })
})

it('what either holds is counted and deleted', async () => {
  await read()
  const key = [...held.keys()].find((one) => one.endsWith(`-${BYTES}`)) ?? ''
  await responses.put(`https://sovit.invalid/sovit-weights-2/${key}`, new Response(new Uint8Array(BYTES)))
  expect(await storedBytes(true)).toBe(2 * BYTES)
  await clearStore(true, [new URL('https://host/other')])
  expect(await storedBytes(true, [URL_OF_FILE])).toBe(2 * BYTES)
  await clearStore(true, [URL_OF_FILE])
  expect(where()).toEqual({ files: 0, responses: 0 })
})

it('a damaged chunk goes from both', async () => {
  await read()
  for (const [key, { bytes }] of held) {
    if (!key.endsWith(`-${BYTES}`)) continue
    bytes[5] = 1 + (bytes[5] ?? 0)
    await responses.put(`https://sovit.invalid/sovit-weights-2/${key}`, new Response(bytes.slice(1)))
  }
  await expect(read(false)).rejects.toMatchObject({ code: 'NETWORK' })
  expect(said).toEqual([expect.stringContaining('damaged')])
  expect(where()).toEqual({ files: 1, responses: 0 })
})
