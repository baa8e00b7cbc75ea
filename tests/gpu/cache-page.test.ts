/** Chunks as files of a page: none is lost, taken for another or half there, and another store serves where there are none. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { pageStore } from '../../src/checkpoint/cache-page.js'
import { openStores, type ChunkStore } from '../../src/checkpoint/cache-stores.js'
import { PAGE_FOLDER, pageChunks, rewrite } from '../support/page-files.js'

const HASH = 'ab'.repeat(32)
const KEY = 'https%3A%2F%2Fhost%2Fm~0123456789abcdef/0123456789abcdef.100-1100'
const OTHER = KEY.replace('.100-1100', '.1100-3100')
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7)
/** Bytes amid a buffer of their own, as reads have. */
const amid = (length: number): Uint8Array => {
  const room = new Uint8Array(length + 90).subarray(50, 50 + length)
  room.set(pattern(length))
  return room
}

async function openPageStore(): Promise<ChunkStore> {
  const store = await pageStore(PAGE_FOLDER)
  if (!store) throw new Error('This page keeps no files.')
  return store
}

describe.runIf(typeof document !== 'undefined')('files of a page', () => {
  let store: ChunkStore
  beforeEach(async () => {
    store = await openPageStore()
    for (const key of await store.keys()) await store.delete(key)
  })

  it('give back what was put, in the memory that it was moved from, or in other', async () => {
    expect(await store.get(KEY)).toBeNull()
    const given = amid(1000)
    const put = await store.put(KEY, given, HASH, true)
    expect(given.length).toBe(0) // moved, not copied
    expect(put).toMatchObject({ bytes: pattern(1000) })
    expect(put.failure).toBeUndefined()
    expect(await store.get(KEY, put.bytes.fill(0))).toMatchObject({ bytes: pattern(1000), hash: HASH })
    expect(await store.get(KEY)).toMatchObject({ bytes: pattern(1000), hash: HASH })
  })

  it('leave bytes where they are that cannot be moved', async () => {
    const given = amid(1000)
    expect((await store.put(KEY, given, HASH, false)).bytes).toBe(given)
    expect(given).toEqual(pattern(1000))
    expect(await store.get(KEY)).toMatchObject({ bytes: pattern(1000) })
  })

  it('are listed, and nothing is left of those that are deleted', async () => {
    await store.put(KEY, amid(1000), HASH, true)
    await store.put(OTHER, amid(2000), HASH, true)
    expect(new Set(await store.keys())).toEqual(new Set([KEY, OTHER]))
    await store.delete(KEY)
    expect([await store.has(KEY), await store.has(OTHER)]).toEqual([false, true])
    await store.delete(OTHER)
    await store.delete(OTHER)
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(PAGE_FOLDER)
    for await (const left of root.keys()) expect(left).toBeUndefined()
  })

  it('that a closed page left unfinished are not there, and are written anew', async () => {
    await store.put(KEY, amid(1000), HASH, true)
    for (const left of [0, 40, 64, 1063]) {
      const [file] = await pageChunks()
      if (file) await rewrite(file, (bytes) => bytes.subarray(0, left))
      expect(await store.has(KEY)).toBe(false)
      expect(await store.get(KEY, amid(1000))).toBeNull()
      await store.put(KEY, amid(1000), HASH, true)
      expect(await store.get(KEY, amid(1000))).toMatchObject({ bytes: pattern(1000), hash: HASH })
    }
  })

  it('asked for at one time are each their own', async () => {
    const keys = Array.from({ length: 6 }, (_, i) => KEY.replace('.100-1100', `.${i}-${100 * i + i}`))
    await Promise.all(keys.map((key, i) => store.put(key, amid(100 * i), HASH, true)))
    const got = await Promise.all(keys.map((key, i) => store.get(key, new Uint8Array(100 * i))))
    expect(got.map((chunk) => chunk?.bytes)).toEqual(keys.map((_, i) => pattern(100 * i)))
  })

  it('that another page has open are not kept, and the bytes come back', async () => {
    await store.put(KEY, amid(1000), HASH, true)
    const [file] = await pageChunks()
    const open = await file?.createWritable()
    const put = await store.put(KEY, amid(1000), HASH, true)
    await open?.abort()
    expect(put.bytes).toEqual(pattern(1000))
    expect(put.failure).toMatch(/\w+ \w+/)
    expect((await store.put(KEY, amid(1000), HASH, true)).failure).toBeUndefined()
  })
})

describe.runIf(typeof document !== 'undefined')('a page without files', () => {
  it('keeps chunks by the Cache API', async () => {
    const without = vi
      .spyOn(StorageManager.prototype, 'getDirectory')
      .mockRejectedValue(new DOMException('', 'SecurityError'))
    try {
      expect(await pageStore(PAGE_FOLDER)).toBeNull()
      const [store, ...others] = await openStores(true)
      expect(others).toEqual([])
      await store?.put(KEY, amid(1000), HASH, true)
      expect(await store?.get(KEY, new Uint8Array(1000))).toMatchObject({ bytes: pattern(1000), hash: HASH })
      const kept = await caches.open(PAGE_FOLDER)
      expect((await kept.keys()).map(({ url }) => decodeURIComponent(url))).toEqual([
        expect.stringContaining('0123456789abcdef.100-1100'),
      ])
    } finally {
      without.mockRestore()
      await caches.delete(PAGE_FOLDER)
    }
  })
})
