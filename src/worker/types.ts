import type { KeptWeights, SizeOptions } from '../encoder/kept.js'
import type { EncodeOptions, LoadOptions, ModelSource, ProfileOptions } from '../encoder/types.js'
import type { WholeSize } from '../image/types.js'
import type { Worker } from '../platform.js'
import type { SentKeptOptions, SentLoadOptions } from './protocol.js'

/** Which worker calls go to. */
export interface ToWorker {
  /**
   * The app's own worker: a module worker whose script is `sovit/worker-entry`, or imports it. It is never ended here.
   * Default: one of the library's.
   */
  readonly worker?: Worker
}

/** How pictures and bytes get there. */
export interface Moves {
  /**
   * Whether what can be moved is moved: bytes, pixel values, ImageBitmaps and VideoFrames of the caller's are gone then.
   * Default `false`: they are copied.
   */
  readonly transfer?: boolean
}

/** Options of `load` but for devices, functions and stores, which cannot cross. */
export type WorkerLoadOptions = SentLoadOptions & Pick<LoadOptions, 'onProgress' | 'signal'> & ToWorker & Moves

/** Options of `encode` but for results on the GPU, which cannot cross. */
export type WorkerEncodeOptions = Omit<EncodeOptions, 'output'> & {
  /** Buffers belong to the thread that made them. */
  readonly output?: 'cpu'
} & Moves

/** Options with which a picture is one piece, and gives one encoding. */
export type WorkerWholeOptions = WorkerEncodeOptions & {
  /** Default 448. */
  readonly size?: WholeSize
}

/** Options with which a picture may be several pieces, each of which gives an encoding. */
export type WorkerSlicingOptions = WorkerEncodeOptions & {
  /** An overview and slices. */
  readonly size: 'minicpm-v'
}

/** Options of `profile`, as those of `encode`. */
export type WorkerProfileOptions = ProfileOptions & Moves

/** What tells what is kept of a source, and which worker looks. */
export type WorkerKeptOptions = SentKeptOptions & ToWorker

/** `KeptWeights`, asked in a worker. */
export interface WorkerKeptWeights extends Pick<KeptWeights, 'persist'> {
  /** Whether a load with these options would take all weights from the cache. */
  isCached(source: ModelSource, options?: WorkerLoadOptions): Promise<boolean>
  /** Bytes kept: of all checkpoints, or of `source` alone. */
  size(options?: WorkerKeptOptions & Pick<SizeOptions, 'source'>): Promise<number>
  /** Deletes what is kept of a checkpoint, or everything. */
  clear(source?: ModelSource, options?: WorkerKeptOptions): Promise<void>
}
