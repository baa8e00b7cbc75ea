import { SovitError } from '../errors.js'
import { pageStore } from './cache-page.js'
import { unshared } from './hash.js'
import { inNode } from './in-node.js'
import type { CacheOption, WeightCache } from './types.js'

/** Where chunks lie, by keys of two parts, `file/chunk`. Every method may fail. */
export interface ChunkStore {
  /**
   * The bytes and the hash put with them; null when there are none. Nobody else has their memory, which may be that of `into` (of as
   * many bytes as were put), moved or not.
   */
  get(key: string, into?: Uint8Array): Promise<{ readonly bytes: Uint8Array; readonly hash: string } | null>
  has(key: string): Promise<boolean>
  /** All or nothing. Gives back the bytes, of which `movable` ones may lie in another buffer then. */
  put(key: string, bytes: Uint8Array, hash: string, movable: boolean): Promise<Put>
  delete(key: string): Promise<void>
  /** All keys, as far as the store can list them. */
  keys(): Promise<readonly string[]>
}

/** The bytes of a put, and why they are not kept where the store could not, and gives them back. */
export interface Put {
  readonly bytes: Uint8Array
  readonly failure?: string
}

/** Another format of keys or chunks gets another name. */
const NAME = 'sovit-weights-2'
const HASH = 'x-sovit-sha256'

/**
 * Where chunks are kept: where the first of these can, else in the next. A page has two: it may have no files, or no worker to write
 * them, as where the library is of another origin. Throws where there is no such place.
 */
export async function openStores(option: CacheOption): Promise<readonly ChunkStore[]> {
  if (option === false) return []
  if (!(globalThis.crypto as Crypto | undefined)?.subtle) throw new Error('an insecure page has no SHA-256')
  if (typeof option === 'object') return [responseStore(option)]
  if (typeof option === 'string' && !inNode) {
    throw new SovitError('BAD_OPTION', `cache cannot be the folder ${JSON.stringify(option)} here. Use true or false.`)
  }
  if (!inNode) {
    const files = await pageStore(NAME)
    try {
      const responses = responseStore(await caches.open(NAME))
      return files ? [files, responses] : [responses]
    } catch (error) {
      if (files) return [files]
      throw error
    }
  }
  const { folderStore } = await import('./cache-folder.js')
  return [await folderStore(option === true ? undefined : option)]
}

/** The Cache API, or what a caller has made like it. */
function responseStore(cache: WeightCache): ChunkStore {
  // The Cache API takes addresses only; no server is ever asked for these.
  const base = `https://sovit.invalid/${NAME}/`
  return {
    async get(key) {
      const response = await cache.match(base + key)
      const hash = response?.headers.get(HASH)
      return response && hash ? { bytes: new Uint8Array(await response.arrayBuffer()), hash } : null
    },
    has: async (key) => (await cache.match(base + key)) !== undefined,
    async put(key, bytes, hash) {
      const response = new Response(unshared(bytes), { headers: { [HASH]: hash } })
      await cache.put(base + key, response)
      return { bytes }
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
