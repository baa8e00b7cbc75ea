/**
 * Chunks as files of the page's own file system (OPFS), read and written by the worker that hashes: half as much time as the Cache
 * API takes to keep a tower, and an eighth of the processor's.
 */
import { chunkOf } from './cache-keys.js'
import type { ChunkStore } from './cache-stores.js'
import type { Hashed } from './hash.js'
import { pageThread } from './page-thread.js'

/** As in page-worker.js: a file has the hash in hex first, then the chunk. */
const HASH_BYTES = 64

/** The store in the folder `name`, or null where pages have no files, as in private windows of Firefox, or no worker. */
export async function pageStore(name: string): Promise<ChunkStore | null> {
  try {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true })
    return (await pageThread()) && storeIn(root, name)
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
  const access = async (key: string, bytes: Uint8Array, hash?: string): Promise<Hashed> => {
    const thread = await pageThread()
    if (!thread) throw new Error('its worker did not start')
    return thread(bytes, [[0, bytes.length]], { path: `${name}/${key}`, hash })
  }
  return {
    async get(key, into) {
      const length = ((await find(key))?.size ?? 0) - HASH_BYTES
      if (length < 0 || (into && length !== into.length)) return null
      const { bytes, hashes, failure } = await access(key, into ?? new Uint8Array(length))
      if (failure !== undefined) throw new Error(failure)
      return { bytes, hash: hashes.join('') }
    },
    async has(key) {
      const { begin, end } = chunkOf(key)
      return (await find(key))?.size === HASH_BYTES + end - begin
    },
    async put(key, bytes, hash, movable) {
      const done = await access(key, movable ? bytes : bytes.slice(), hash)
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
