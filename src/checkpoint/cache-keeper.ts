import { SovitError } from '../errors.js'
import { chunkOf, textHash } from './cache-keys.js'
import type { ChunkStore, Put } from './cache-stores.js'
import { hashSpans, piecesOf } from './hash.js'
import type { Meter } from './meter.js'

/** What the files of one load share: the stores, and what was learnt of it and of the network. */
export class Keeper {
  stores: readonly ChunkStore[] = []
  /** The network failed once: what is remembered of further files is taken without asking again. */
  unreachable = false
  #writable = true
  #said = false

  constructor(
    readonly meter: Meter,
    readonly only: boolean,
    private readonly onFailure: ((message: string) => void) | undefined,
  ) {}

  /** The bytes of a key, in `into` when given, if they are there and are what was put there. */
  async get(key: string, into?: Uint8Array): Promise<Uint8Array | null> {
    const wanted = into?.length
    const found = await this.#first((store) => store.get(key, into))
    if (!found) return null
    const { bytes, hash } = await hashAll(found.bytes, into !== undefined)
    if (hash === found.hash && bytes.length === (wanted ?? bytes.length)) return bytes
    this.say('bytes in it were damaged')
    await this.delete(key)
    return null
  }

  /** Gives back the bytes, of which movable ones may lie in another buffer then. */
  async put(key: string, given: Uint8Array, movable = false): Promise<Uint8Array> {
    if (!this.#writable) return given
    const { bytes, hash } = await hashAll(given, movable)
    let put: Put = { bytes }
    const done = await this.#first(async (store) => {
      put = await store.put(key, put.bytes, hash, movable)
      return put.failure === undefined
    })
    if (put.failure !== undefined) this.say(put.failure)
    // A full disk or quota stays full; trying each chunk again would only cost time.
    this.#writable = done === true
    return put.bytes
  }

  async has(key: string): Promise<boolean> {
    return (await this.#first((store) => store.has(key))) === true
  }

  delete(key: string): Promise<unknown> {
    return this.attempt(() => Promise.all(this.stores.map((store) => store.delete(key))))
  }

  /** Deletes what is kept of a file, or of some of its bytes. */
  async forget(start: string, begin = -1, end = Infinity): Promise<void> {
    await this.attempt(async () => {
      for (const key of (await Promise.all(this.stores.map((store) => store.keys()))).flat()) {
        const chunk = chunkOf(key)
        if (key.startsWith(start) && chunk.begin < end && chunk.end > begin) await this.delete(key)
      }
    })
  }

  /** What the first store gives that gives something. */
  #first<T>(ask: (store: ChunkStore) => Promise<T>): Promise<T | null> {
    return this.attempt(async () => {
      for (const store of this.stores) {
        const found = await ask(store)
        if (found) return found
      }
      return null
    })
  }

  async attempt<T>(work: () => T | Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof SovitError) throw error
      this.say(error instanceof Error ? error.message || error.name : String(error))
      return null
    }
  }

  say(what: string): void {
    if (!this.#said) this.onFailure?.(`The cache of weights fails (${what}); the network is used instead.`)
    this.#said = true
  }
}

/** One hash of all bytes: that of the hashes of their pieces. `movable` as of `hashSpans`. */
async function hashAll(given: Uint8Array, movable: boolean): Promise<{ bytes: Uint8Array; hash: string }> {
  const { bytes, hashes } = await hashSpans(given, piecesOf(given.length), movable)
  return { bytes, hash: await textHash(hashes.join('')) }
}
