/**
 * Chunks as files of the page's own file system (OPFS), read and written by the worker that hashes: to keep 836 MB takes processors
 * 1.8 s so, and 4.2 s by the Cache API (Chromium 156).
 */
import { chunkOf } from './cache-keys.js'
import type { ChunkStore } from './cache-stores.js'
import { HASH_BYTES, type Hashed } from './hash.js'
import { pageThread } from './page-thread.js'

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
  /** A chunk's file: the hash, and its bytes, or fewer where a page was closed over them. Null where there is none that can be read. */
  const find = async (key: string): Promise<File | null> => {
    const [group = '', chunk = ''] = key.split('/')
    try {
      return await (await (await root.getDirectoryHandle(group)).getFileHandle(chunk)).getFile()
    } catch {
      return null
    }
  }
  /** Null where there is no worker: then nothing was moved. */
  const access = async (key: string, bytes: Uint8Array, hash?: string): Promise<Hashed | null> => {
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
      return movable ? done : { ...done, bytes }
    },
    async delete(key) {
      const [group = '', chunk = ''] = key.split('/')
      const folder = await root.getDirectoryHandle(group).catch(unlessMissing)
      await folder?.removeEntry(chunk).catch(unlessMissing)
      // The last of its file: the folder goes too. Any other is not empty, which is refused.
      await root.removeEntry(group).catch(() => undefined)
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

/** Null for what is not there; any other failure is one, as of a file that another page has open. */
function unlessMissing(error: unknown): null {
  if ((error as DOMException).name === 'NotFoundError') return null
  throw error
}
