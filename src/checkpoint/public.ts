/** What users name of checkpoints. It reaches no internal declaration, so that theirs compile without a platform's types. */
import type { Blob, File, FileList, Request, Response, URL } from '../platform.js'

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
  /** Bytes that one hash is of, counted from a tensor's first: 2^19. */
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
 * Where bytes from the network are kept between loads. `true`: in pages and workers files of their origin (the Cache API where it
 * has none, or the library's own worker does not start), in Node a folder (`sovit/weights` in XDG_CACHE_HOME or ~/.cache); a string:
 * another folder, in Node only.
 */
export type CacheOption = boolean | string | WeightCache
