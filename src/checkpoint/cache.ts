/**
 * Files of the network whose bytes are kept between loads.
 *
 * A chunk is what was read at once, no grid over the file: reads are planned over the tensors that are needed, the same
 * each time, so that no byte is fetched that nobody asked for, no request is cut in two, and a chunk goes from the network
 * or the store into the reader's own buffer. The price: other tensors or another plan make other chunks.
 *
 * Chunks are named by address and by the content's identity, and have their hash beside them, checked at every read: the
 * SHA-256 of the SHA-256 of their pieces.
 * They are kept when they are whole, so an aborted load leaves whole chunks, and the next goes on from there. The cache is
 * best effort: whatever fails in it is said once, and the network is read instead.
 */
import { SovitError, throwIfAborted } from '../errors.js'
import { Keeper } from './cache-keeper.js'
import { chunkOf, groupOf, isPinned, readable, textHash } from './cache-keys.js'
import { hashing } from './hash.js'
import { decodeUtf8, isObject } from './json.js'
import { truncated } from './memory.js'
import type { Meter } from './meter.js'
import type { RemoteWrapper } from './sources.js'
import { openStores, type ChunkStore } from './cache-stores.js'
import type { ByteSource, CacheOption, OpenOptions } from './types.js'

/** What is remembered of a file: null when the server has none of that name. */
type FileRecord = { readonly size: number; readonly identity: string } | { readonly size: null }

/** Opens the store for one load. The wrapper that it gives serves every file of that load. */
export async function openCache(
  option: CacheOption,
  meter: Meter,
  { cacheOnly = false, onCacheFailure }: OpenOptions,
): Promise<RemoteWrapper> {
  const keeper = new Keeper(meter, cacheOnly, onCacheFailure)
  if (!cacheOnly) void hashing().catch(() => undefined) // its thread starts while the first answers come
  keeper.stores = (await keeper.attempt(() => openStores(option))) ?? []
  return (source, url) => (keeper.stores.length > 0 || cacheOnly ? new CachedFile(source, url, keeper) : source)
}

interface Known {
  readonly size: number
  readonly identity: string
  /** Names of its chunks begin so. */
  readonly prefix: string
}

class CachedFile implements ByteSource {
  readonly name: string
  #known: Known | undefined
  /** Whether `#known` is what the server says now, not what is remembered. */
  #confirmed = false
  /** Settles when all reads so far have asked the source, or need not. */
  #asked: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly source: ByteSource,
    private readonly url: URL,
    private readonly keeper: Keeper,
  ) {
    this.name = source.name
  }

  async size(signal?: AbortSignal): Promise<number> {
    return (await this.#identify(signal)).size
  }

  async version(signal?: AbortSignal): Promise<string | null> {
    return (await this.#identify(signal)).identity
  }

  async kept(begin: number, end: number): Promise<boolean> {
    return this.keeper.has(`${(await this.#identify()).prefix}${begin}-${end}`)
  }

  async discard(begin: number, end: number): Promise<void> {
    const { prefix } = await this.#identify()
    await this.keeper.forget(prefix, begin, end)
    // Of a store that cannot list its keys.
    await this.keeper.delete(`${prefix}${begin}-${end}`)
  }

  sequential(): boolean {
    return this.source.sequential?.() ?? false
  }

  /** Reads of the network keep the order in which they were asked for. */
  read(
    begin: number,
    end: number,
    signal?: AbortSignal,
    into = new Uint8Array(end - begin),
    until?: number,
  ): Promise<Uint8Array> {
    const before = this.#asked
    let asked = (): void => undefined
    const own = new Promise<void>((resolve) => (asked = resolve))
    this.#asked = before.then(() => own)
    const fromSource = async (room: Uint8Array): Promise<Uint8Array> => {
      await before
      const reading = this.source.read(begin, end, signal, room, until)
      asked()
      return reading
    }
    return this.#read(begin, end, signal, into, fromSource).finally(asked)
  }

  async #read(
    begin: number,
    end: number,
    signal: AbortSignal | undefined,
    into: Uint8Array,
    fromSource: (room: Uint8Array) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const { size, prefix } = await this.#identify(signal)
    if (end > size) throw truncated(this.name, end, size)
    if (begin === end) return new Uint8Array(0)
    const most = into.length
    let room = into.subarray(0, end - begin)
    const key = `${prefix}${begin}-${end}`
    const kept = await this.keeper.get(key, room)
    throwIfAborted(signal, `Reading ${this.name}`)
    if (kept) {
      this.keeper.meter.cached += kept.length
      return kept
    }
    if (room.length === 0) room = new Uint8Array(most).subarray(0, end - begin) // it was moved to be hashed, and is damaged
    await this.#confirm(signal)
    const bytes = await fromSource(room)
    // Awaited, as the reader's buffer is filled anew when this one is consumed. Other reads go on meanwhile.
    return this.keeper.put(key, bytes, bytes.buffer === room.buffer)
  }

  async close(): Promise<void> {
    await this.source.close?.()
  }

  /** Asks the server which content it has now; takes what is remembered when it is out of reach. */
  async #identify(signal?: AbortSignal): Promise<Known> {
    if (this.#known) return this.#known
    const { keeper } = this
    const group = await groupOf(this.url)
    const record = parseRecord(await keeper.get(`${group}/record`))
    const immutable = isPinned(this.url) && record?.size !== null
    if (record && (keeper.only || keeper.unreachable || immutable)) return this.#remember(group, record)
    if (keeper.only) throw new SovitError('NETWORK', `${this.name} is not in the cache. Load it with the network once.`)
    let now: FileRecord
    let problem: SovitError | undefined
    try {
      now = await this.#ask(signal)
    } catch (error) {
      if (!(error instanceof SovitError)) throw error
      if (error.code === 'NETWORK' && record) {
        keeper.unreachable = true
        return this.#remember(group, record)
      }
      if (error.code !== 'NOT_FOUND') throw error
      now = { size: null }
      problem = error
    }
    if (JSON.stringify(now) !== JSON.stringify(record)) {
      if (record) await keeper.forget(`${group}/`)
      await keeper.put(`${group}/record`, new TextEncoder().encode(JSON.stringify(now)))
    }
    if (problem) throw problem
    this.#confirmed = true
    return this.#remember(group, now)
  }

  async #ask(signal?: AbortSignal): Promise<{ size: number; identity: string }> {
    const size = await this.source.size(signal)
    return { size, identity: `${size} ${(await this.source.version?.(signal)) ?? ''}` }
  }

  async #remember(group: string, record: FileRecord): Promise<Known> {
    if (record.size === null) throw new SovitError('NOT_FOUND', `There is no file ${this.name}. Check the address.`)
    const prefix = `${group}/${(await textHash(record.identity)).slice(0, 16)}.`
    return (this.#known ??= { ...record, prefix })
  }

  /** Before bytes of the network are put beside what is remembered: they must be of the same content. */
  async #confirm(signal?: AbortSignal): Promise<void> {
    if (this.#confirmed) return
    if (this.keeper.only) throw new SovitError('NETWORK', `A part of ${this.name} is not in the cache.`)
    const now = await this.#ask(signal)
    if (now.identity !== this.#known?.identity) {
      await this.keeper.forget(`${await groupOf(this.url)}/`)
      throw new SovitError('TRUNCATED', `${this.name} changed since parts of it were kept. Load it again.`)
    }
    this.#confirmed = true
  }
}

function parseRecord(bytes: Uint8Array | null): FileRecord | null {
  const value: unknown = bytes && JSON.parse(decodeUtf8(bytes))
  if (!isObject(value)) return null
  if (value.size === null) return { size: null }
  const { size, identity } = value
  return typeof size === 'number' && typeof identity === 'string' ? { size, identity } : null
}

/** Bytes of chunks that a store holds: of everything, or of what lies at or below these addresses. */
export async function storedBytes(option: CacheOption, addresses?: readonly URL[]): Promise<number> {
  let sum = 0
  for (const store of await stores(option)) {
    for (const { begin, end } of (await keysBelow(store, addresses)).map(chunkOf)) sum += end - begin
  }
  return sum
}

/** Deletes what a store holds: everything, or what lies at or below these addresses. */
export async function clearStore(option: CacheOption, addresses?: readonly URL[]): Promise<void> {
  for (const store of await stores(option)) {
    for (const key of await keysBelow(store, addresses)) await store.delete(key)
  }
}

async function keysBelow(store: ChunkStore, addresses?: readonly URL[]): Promise<readonly string[]> {
  const starts = addresses?.map(readable)
  const keys = await store.keys()
  return starts ? keys.filter((key) => starts.some((start) => key.startsWith(start))) : keys
}

/** None where there is none to open (an insecure page, a sandboxed frame): nothing is kept there. */
async function stores(option: CacheOption): Promise<readonly ChunkStore[]> {
  try {
    return await openStores(option)
  } catch (error) {
    if (error instanceof SovitError) throw error
    return []
  }
}
