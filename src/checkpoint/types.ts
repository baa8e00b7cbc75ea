import type { SovitError } from '../errors.js'
import type { Patience } from './http-ask.js'
import type { Read } from './stream.js'
import type { CacheOption, DType } from './public.js'

export type * from './public.js'

/** Where one tensor lies, or one part of a tensor that packs several. */
export interface TensorInfo {
  /** As the checkpoint has it. */
  readonly name: string
  /** Of a packed one: the part that this is, as it would be called by itself, e.g. `q_proj.weight`. */
  readonly part?: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** File (shard) that holds it, as named by the checkpoint. */
  readonly file: string
  /** Absolute byte offsets in that file, end exclusive. */
  readonly begin: number
  readonly end: number
}

/** A run of bytes of one tensor. `bytes` is only valid until the consumer's promise settles. */
export interface TensorChunk {
  readonly tensor: TensorInfo
  /** Byte offset inside the tensor; a multiple of 512 KiB, as is the length unless the tensor ends. */
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * Random access to one file of a checkpoint, wherever it lies.
 * Nothing here holds more than the bytes asked for.
 */
export interface ByteSource {
  /** What people call it: path, address, file name. */
  readonly name: string
  /** Size of the file in bytes. */
  size(signal?: AbortSignal): Promise<number>
  /**
   * Exactly the bytes [begin, end), or an error. They may lie in `into` (at least as long), which saves an allocation; where
   * `into` is empty afterwards, its memory moved, and is the buffer of these bytes. `until`: where the last of those reads ends
   * that are asked for next, each from where the one before it ended, so that a network may be asked once for all.
   */
  read(begin: number, end: number, signal?: AbortSignal, into?: Uint8Array, until?: number): Promise<Uint8Array>
  /**
   * An identity of the content, for caches: the strong ETag, else Last-Modified with the size; null when the server lets
   * neither be seen. Other content has another version.
   */
  version?(signal?: AbortSignal): Promise<string | null>
  /** Whether bytes come only in the order of the file, so that those before are read and dropped. Known after `size`. */
  sequential?(): boolean
  /** Whether `read` of these bytes needs no network. */
  kept?(begin: number, end: number): Promise<boolean>
  /** Forgets what is kept of these bytes: they turned out to be wrong. */
  discard?(begin: number, end: number): Promise<void>
  /** Frees what an open file holds. It may be read again afterwards. */
  close?(): Promise<void>
}

export interface OpenOptions {
  readonly signal?: AbortSignal
  readonly fetch?: typeof fetch
  /** How long is waited for a server; for tests. */
  readonly patience?: Patience
  /** Default: nothing is kept. Local files and bytes never are. */
  readonly cache?: CacheOption
  /** Only what is kept is read. */
  readonly cacheOnly?: boolean
  /** Called at most once, when the cache fails in any way; the load goes on without it. */
  readonly onCacheFailure?: (message: string) => void
}

export interface StreamOptions {
  readonly signal?: AbortSignal
  /**
   * Called before the first chunk of each file and after each chunk was consumed, with all bytes of this stream consumed
   * so far. `sequential`: of the file's source.
   */
  readonly onProgress?: (loaded: number, file: string, sequential: boolean) => void
  /**
   * What is wrong with the bytes of a read. They are read once more, and thrown is what is wrong then. Gives them back, as
   * the buffer of `movable` ones may be another then.
   */
  readonly check?: (
    read: Read,
    bytes: Uint8Array,
    movable: boolean,
  ) => Promise<{ readonly bytes: Uint8Array; readonly refused: SovitError | null }>
}

/** A checkpoint whose names are known; headers and bytes are read only when asked for. */
export interface Checkpoint {
  /** What the caller named. */
  readonly source: string
  /** Parsed config.json beside the weights, or null. */
  readonly config: Readonly<Record<string, unknown>> | null
  /** Names of all tensors of all files. */
  readonly names: readonly string[]
  /** `__metadata__` of a single file; empty for sharded ones. */
  readonly metadata: ReadonlyMap<string, string>
  /** Bytes fetched so far: headers, index, config and tensors. Those of the cache do not count. */
  readonly fetchedBytes: number
  /** Bytes that came from the cache so far. */
  readonly cachedBytes: number
  /** Places of the named tensors; reads the headers of the files that hold them, checked by every rule of the format. */
  describe(names: Iterable<string>, signal?: AbortSignal): Promise<ReadonlyMap<string, TensorInfo>>
  /**
   * Reads tensors in file order, in bounded chunks, never faster than they are consumed. Of other bytes, only small gaps
   * are read, 0.4% at most.
   */
  stream(
    tensors: Iterable<TensorInfo>,
    consume: (chunk: TensorChunk) => Promise<void> | void,
    options?: StreamOptions,
  ): Promise<void>
  /** Bytes of these tensors that `stream` would take from the cache. */
  keptBytes(tensors: Iterable<TensorInfo>): Promise<number>
  /** Forgets what a cache keeps of this tensor, as its bytes turned out to be wrong. */
  discard(tensor: TensorInfo): Promise<void>
  /** Closes open files. Call it when the weights are read, and after a failure. */
  close(): Promise<void>
}
