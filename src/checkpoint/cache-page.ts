/**
 * Chunks as files of the page's own file system (OPFS), read and written by the worker that hashes: half as much time as the Cache
 * API takes to keep a tower, and an eighth of the processor's.
 */
import { chunkOf } from './cache-keys.js'
import type { ChunkStore } from './cache-stores.js'
import type { Hashed } from './hash.js'

/** As in page-worker.js: a file has the hash in hex first, then the chunk. */
const HASH_BYTES = 64

/** The store in the folder `name`, or null where pages have no files, as in private windows of Firefox. */
export async function pageStore(name: string): Promise<ChunkStore | null> {
  try {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true })
    return storeIn(root, name)
  } catch {
    return null
  }
}

function storeIn(root: FileSystemDirectoryHandle, name: string): ChunkStore {
  /** A chunk's file, of the hash and as many bytes as the chunk has, or fewer where a page was closed over it; null where there is none. */
  const find = async (key: string): Promise<File | null> => {
    const [group = '', chunk = ''] = key.split('/')
    try {
      return await (await (await root.getDirectoryHandle(group)).getFileHandle(chunk)).getFile()
    } catch {
      return null // or it cannot be read: then the same is said of the bytes that the network gives instead
    }
  }
  /** Null where there is no worker: then nothing was moved. */
  const access = async (key: string, bytes: Uint8Array, hash?: string): Promise<Hashed | null> => {
    const { pageThread } = await import('./page-thread.js') // whoever only asks what is kept needs none
    const thread = await pageThread()
    return thread?.(bytes, [[0, bytes.length]], { path: `${name}/${key}`, hash }) ?? null
  }
  return {
    async get(key, into) {
      const file = await find(key)
      if (!file || (into && file.size !== HASH_BYTES + into.length)) return null
      if (!into) {
        const hash = await file.slice(0, HASH_BYTES).text()
        return { bytes: new Uint8Array(await file.slice(HASH_BYTES).arrayBuffer()), hash }
      }
      const done = await access(key, into)
      if (done?.failure !== undefined) throw new Error(done.failure)
      return done && { bytes: done.bytes, hash: done.hashes.join('') }
    },
    async has(key) {
      const { begin, end } = chunkOf(key)
      return (await find(key))?.size === HASH_BYTES + end - begin
    },
    async put(key, bytes, hash, movable) {
      const done = await access(key, movable ? bytes : bytes.slice(), hash)
      if (!done) return { bytes, failure: 'no worker starts' }
      if (done.failure !== undefined) await this.delete(key)
      return movable ? done : { ...done, bytes }
    },
    async delete(key) {
      const [group = '', chunk = ''] = key.split('/')
      try {
        await (await root.getDirectoryHandle(group)).removeEntry(chunk)
        // The last of its file: the folder goes too. Any other is not empty, which is refused.
        await root.removeEntry(group)
      } catch {
        // There is none, or another page is reading it.
      }
    },
    async keys() {
      const keys: string[] = []
      for await (const [group, folder] of root.entries()) {
        for await (const chunk of (folder as FileSystemDirectoryHandle).keys()) keys.push(`${group}/${chunk}`)
      }
      return keys
    },
  }
}
