import { SovitError } from '../errors.js'
import { fill } from './abort.js'
import { inNode } from './in-node.js'
import type { CacheOption, WeightCache } from './types.js'

/** Where chunks lie, by keys of two parts, `file/chunk`. Every method may fail. */
export interface ChunkStore {
  /** The bytes (in `into` when given, and then exactly as many) and the hash put with them; null when there are none. */
  get(key: string, into?: Uint8Array): Promise<{ readonly bytes: Uint8Array; readonly hash: string } | null>
  has(key: string): Promise<boolean>
  /** All or nothing. `bytes` are not looked at afterwards. */
  put(key: string, bytes: Uint8Array, hash: string): Promise<void>
  delete(key: string): Promise<void>
  /** All keys, as far as the store can list them. */
  keys(): Promise<readonly string[]>
}

/** Another format of keys or chunks gets another name. */
const NAME = 'sovit-weights-2'
const HASH = 'x-sovit-sha256'

/** The store of an option, or null for `false`. Throws where there is none to open. */
export async function openStore(option: CacheOption): Promise<ChunkStore | null> {
  if (option === false) return null
  if (!(globalThis.crypto as Crypto | undefined)?.subtle) throw new Error('an insecure page has no SHA-256')
  if (typeof option === 'object') return responseStore(option)
  if (typeof option === 'string' && !inNode) {
    throw new SovitError('BAD_OPTION', `cache cannot be the folder ${JSON.stringify(option)} here. Use true or false.`)
  }
  if (typeof caches !== 'undefined' && option === true) return responseStore(await caches.open(NAME))
  if (!inNode) throw new Error('there is no Cache API here')
  const { folderStore } = await import('./cache-folder.js')
  return folderStore(option === true ? undefined : option)
}

/** What the stream of a body hands over at once. */
const BODY_BYTES = 2 ** 19

/**
 * A body that reads the bytes where they lie. Made of the bytes themselves, or of a Blob, it copies them first: Chromium (156)
 * keeps a tower in a quarter less time so, and of Blobs it runs out.
 */
function streamOf(bytes: Uint8Array): ReadableStream {
  let at = 0
  const pull = (stream: ReadableStreamDefaultController): void => {
    if (at < bytes.length) stream.enqueue(bytes.subarray(at, (at += BODY_BYTES)))
    else stream.close()
  }
  return new ReadableStream({ pull }, { highWaterMark: 0 })
}

/** The Cache API, or what a caller has made like it. */
function responseStore(cache: WeightCache): ChunkStore {
  // The Cache API takes addresses only; no server is ever asked for these.
  const base = `https://sovit.invalid/${NAME}/`
  return {
    async get(key, into) {
      const response = await cache.match(base + key)
      const hash = response?.headers.get(HASH)
      if (!response || !hash) return null
      if (!into) return { bytes: new Uint8Array(await response.arrayBuffer()), hash }
      if (!response.body) return null
      const { length, more } = await fill(response.body, into, undefined, 'Reading the cache')
      return length === into.length && !more ? { bytes: into, hash } : null
    },
    has: async (key) => (await cache.match(base + key)) !== undefined,
    async put(key, bytes, hash) {
      const response = new Response(streamOf(bytes), { headers: { [HASH]: hash } })
      await cache.put(base + key, response)
    },
    async delete(key) {
      await cache.delete(base + key)
    },
    async keys() {
      const addresses = ((await cache.keys?.()) ?? []).map((key) => (typeof key === 'string' ? key : key.url))
      return addresses.filter((address) => address.startsWith(base)).map((address) => address.slice(base.length))
    },
  }
}
