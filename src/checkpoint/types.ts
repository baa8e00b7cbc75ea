import type { SovitError } from '../errors.js'
import type { Patience } from './http-ask.js'
import type { Read } from './stream.js'

/**
 * A checkpoint: `owner/repo`, an address, a folder address ending in `/`, a file, the files of a folder (of several
 * folders, those of the one nearest to the top that holds a checkpoint), or bytes.
 */
export type ModelSource = string | URL | Blob | readonly File[] | FileList | ArrayBuffer | Uint8Array

/** dtypes of the safetensors format. Weights may be F32, F16 or BF16; the others may lie beside them, unread. */
export type DType =
  | 'BOOL'
  | 'F4'
  | 'F6_E2M3'
  | 'F6_E3M2'
  | 'U8'
  | 'I8'
  | 'F8_E5M2'
  | 'F8_E4M3'
  | 'F8_E8M0'
  | 'F8_E4M3FNUZ'
  | 'F8_E5M2FNUZ'
  | 'I16'
  | 'U16'
  | 'F16'
  | 'BF16'
  | 'I32'
  | 'U32'
  | 'F32'
  | 'C64'
  | 'F64'
  | 'I64'
  | 'U64'

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
  /** Byte offset inside the tensor; a multiple of 1 MiB, as is the length unless the tensor ends. */
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * What a load waits for: names and places of tensors, bytes of the network, bytes kept from an earlier load, the device
 * taking the last of them, kernels, nothing.
 */
export type LoadPhase = 'header' | 'download' | 'cache' | 'upload' | 'compile' | 'ready'

/** Progress of a load, with the field names people know from transformers.js, plus `phase`. `loaded` never falls. */
export interface ProgressEvent {
  /** `cache`: bytes cannot be kept or were kept badly, as `message` says, once a load; the load itself goes on. */
  readonly status: 'initiate' | 'download' | 'progress' | 'cache' | 'done' | 'ready'
  /** What the load waits for. */
  readonly phase: LoadPhase
  /** Name of the model as given. */
  readonly name: string
  /** File (shard) being read. */
  readonly file: string
  /** Bytes of weights read, of the whole load. */
  readonly loaded: number
  /** Bytes of weights to read, of the whole load; 0 until the headers are read. */
  readonly total: number
  /** 0..100 */
  readonly progress: number
  /**
   * Set when the file's server ignores Range, so that the file is read from its start and bytes arrive that do not count
   * here. Told with the file's `initiate`, before the first of them.
   */
  readonly sequential?: true
  /** Only with status `cache`. */
  readonly message?: string
}

/** SHA-256 of the weights of a tower, as `sovit manifest` writes it. */
export interface WeightManifest {
  /** Of this form of manifest. */
  readonly format: 'sovit-manifest-1'
  /** Bytes that one hash is of, counted from a tensor's first: 2^20. */
  readonly pieceBytes: number
  /** Hashes in hex of the pieces of each tensor, by the name that it has in a bare tower (`encoder.layers.0.…`). */
  readonly tensors: Readonly<Record<string, readonly string[]>>
}

/** A cache of the caller's. The browser's own `Cache` is one. Keys are addresses (of no server). */
export interface WeightCache {
  /** What was put there, or undefined. */
  match(key: string): Promise<Response | undefined>
  /** Keeps it; rejects where it cannot. */
  put(key: string, response: Response): Promise<unknown>
  /** Forgets it; harmless where there is nothing. */
  delete(key: string): Promise<unknown>
  /** Where it is missing, what is kept cannot be listed: not measured, not cleared, and left behind by changed files. */
  keys?(): Promise<readonly (string | Request)[]>
}

/**
 * Where bytes from the network are kept between loads. `true`: the Cache API in pages and workers, a folder
 * (`sovit/weights` in XDG_CACHE_HOME or ~/.cache) in Node; a string: another folder, in Node only.
 */
export type CacheOption = boolean | string | WeightCache

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
   * `into` is empty afterwards, its memory moved, and is the buffer of these bytes.
   */
  read(begin: number, end: number, signal?: AbortSignal, into?: Uint8Array): Promise<Uint8Array>
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
