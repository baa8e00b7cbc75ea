import type { KeptWeights, SizeOptions } from '../encoder/kept.js'
import type { EncodeOptions, LoadOptions, ModelSource, ProfileOptions } from '../encoder/types.js'
import type { WholeSize } from '../image/types.js'
import type { SentKeptOptions, SentLoadOptions } from './protocol.js'

/** Where calls go. */
interface ToWorker {
  /**
   * The app's own worker: a module worker whose script is `sovit/worker-entry`, or imports it. It is never ended here.
   * Default: one of the library's.
   */
  readonly worker?: Worker
}

interface Moves {
  /**
   * Whether what can be moved is moved: bytes, pixel values, ImageBitmaps and VideoFrames of the caller's are gone then.
   * Default `false`: they are copied.
   */
  readonly transfer?: boolean
}

/** Options of `load` but for devices, functions and stores, which cannot cross. */
export type WorkerLoadOptions = SentLoadOptions & Pick<LoadOptions, 'onProgress' | 'signal'> & ToWorker & Moves

export type WorkerEncodeOptions = Omit<EncodeOptions, 'output'> & { readonly output?: 'cpu' } & Moves
export type WorkerWholeOptions = WorkerEncodeOptions & { readonly size?: WholeSize }
export type WorkerSlicingOptions = WorkerEncodeOptions & { readonly size: 'minicpm-v' }
export type WorkerProfileOptions = ProfileOptions & Moves

export type WorkerKeptOptions = SentKeptOptions & ToWorker

/** `KeptWeights`, asked in a worker. */
export interface WorkerKeptWeights extends Pick<KeptWeights, 'persist'> {
  isCached(source: ModelSource, options?: WorkerLoadOptions): Promise<boolean>
  size(options?: WorkerKeptOptions & Pick<SizeOptions, 'source'>): Promise<number>
  clear(source?: ModelSource, options?: WorkerKeptOptions): Promise<void>
}
