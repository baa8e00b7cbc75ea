import type { ProgressEvent } from '../checkpoint/public.js'
import type { KeptOptions } from '../encoder/kept.js'
import type {
  EncodeInput,
  EncodeOptions,
  Encoding,
  LoadOptions,
  ProfileOptions,
  StepTime,
  Support,
} from '../encoder/types.js'
import type { VisionEncoder } from '../encoder.js'
import type { SovitErrorCode } from '../errors.js'
import type { Blob, Event, File, Transferable } from '../platform.js'

/** What is known of an encoder once it is loaded, the same on both sides. */
export type EncoderFacts = Pick<
  VisionEncoder,
  'model' | 'precision' | 'arithmetic' | 'positions' | 'logitScale' | 'load' | 'device'
>

/** Live GPU buffers of an encoder, and their bytes. */
export interface GpuMemoryUse {
  /** Of all of them. */
  readonly bytes: number
  /** Their number. */
  readonly buffers: number
}

/** A checkpoint as it crosses: cloning turns a URL into nothing, and may drop the folder that a File was picked from. */
export type SentSource =
  | 'built-in'
  | { readonly url: string }
  | { readonly files: readonly { readonly file: File; readonly path: string }[] }
  | { readonly given: string | Blob | ArrayBuffer | Uint8Array }

/** Options without what belongs to one thread: functions, devices, and stores of the caller's. */
export type SentLoadOptions = Omit<
  LoadOptions,
  'device' | 'gpu' | 'fetch' | 'cache' | 'tuning' | 'onProgress' | 'signal'
> & {
  /** As `load` of `sovit` has it, but for an object of the caller's. */
  readonly cache?: boolean | string
  /** The same. */
  readonly tuning?: boolean
}
/** Options of what is kept, without a store of the caller's. */
export type SentKeptOptions = Omit<KeptOptions, 'cache'> & {
  /** The option that loads were given. Default `true`. */
  readonly cache?: boolean | string
}
export type SentInput = EncodeInput | readonly EncodeInput[]
export type SentEncodeOptions = Omit<EncodeOptions, 'output' | 'signal'>
export type SentProfileOptions = Omit<ProfileOptions, 'signal'>

export interface SentError {
  /** Null for an error that is not this library's. */
  readonly code: SovitErrorCode | null
  readonly name: string
  readonly message: string
  /** What the error's cause says. */
  readonly cause: string | null
}

/** What each kind of call asks with, and what it is answered. An encoder goes by the number of the call that loaded it. */
export interface Calls {
  load: {
    asks: { readonly source: SentSource; readonly options: SentLoadOptions; readonly reports: boolean }
    answers: EncoderFacts
  }
  encode: {
    asks: { readonly encoder: number; readonly input: SentInput; readonly options: SentEncodeOptions }
    answers: Encoding | Encoding[]
  }
  profile: {
    asks: { readonly encoder: number; readonly input: SentInput; readonly options: SentProfileOptions }
    answers: readonly StepTime[]
  }
  memory: { asks: { readonly encoder: number }; answers: GpuMemoryUse }
  dispose: { asks: { readonly encoder: number }; answers: undefined }
  support: { asks: object; answers: Support }
  isCached: { asks: { readonly source: SentSource; readonly options: SentLoadOptions }; answers: boolean }
  size: { asks: { readonly source: SentSource | null; readonly options: SentKeptOptions }; answers: number }
  clear: { asks: { readonly source: SentSource | null; readonly options: SentKeptOptions }; answers: undefined }
}

export type Kind = keyof Calls

/** A call, and the end of one. A worker of the app's may be sent other things: `sovit` tells ours from those. */
export type Request<K extends Kind = Kind> =
  | { [N in K]: { readonly sovit: N; readonly call: number } & Calls[N]['asks'] }[K]
  | { readonly sovit: 'abort'; readonly call: number }

export type Reply =
  | { readonly sovit: 'progress'; readonly call: number; readonly event: ProgressEvent }
  | { readonly sovit: 'done'; readonly call: number; readonly value: Calls[Kind]['answers'] }
  | { readonly sovit: 'failed'; readonly call: number; readonly error: SentError }
  /** A request arrived that this browser cannot read; which, nobody can say. */
  | { readonly sovit: 'unreadable' }

/** Everything that crosses. */
export type Message = Request | Reply

/** One end: a Worker seen from the page, the worker's own scope, or a MessagePort. */
export interface Endpoint {
  postMessage(message: Message, transfer: Transferable[]): void
  addEventListener(type: 'message' | 'messageerror' | 'error', listener: (event: Event) => void): void
}

/** Calls `listener` with what the other end sends of this protocol. */
export function listen(endpoint: Endpoint, listener: (message: Message) => void): void {
  endpoint.addEventListener('message', (event) => {
    const { data } = event as MessageEvent<unknown>
    if (typeof data === 'object' && data !== null && 'sovit' in data) listener(data as Message)
  })
}
