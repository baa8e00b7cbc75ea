import type { AbortSignal } from './platform.js'

/** Every way in which `sovit` can fail, by the code that its error carries. */
export type SovitErrorCode =
  /** The caller's signal aborted a load or an encode. The error's name is `AbortError`. */
  | 'ABORTED'
  /** The encoder was used after `dispose()`. */
  | 'DISPOSED'
  /** An option has a value that cannot be used, or options contradict each other. */
  | 'BAD_OPTION'
  /** A file, folder or address does not exist. */
  | 'NOT_FOUND'
  /** The server refused access (401, 403). */
  | 'ACCESS_DENIED'
  /** The network failed, or the server answered something other than what was asked. */
  | 'NETWORK'
  /** A safetensors file breaks a rule of the format. */
  | 'BAD_SAFETENSORS'
  /** An .npz file breaks a rule of zip or of NumPy's format, or holds another network than SigLIP's. */
  | 'BAD_NPZ'
  /** A safetensors index or its shards contradict each other. */
  | 'BAD_INDEX'
  /** The checkpoint changed or ended while it was read. */
  | 'TRUNCATED'
  /** Weights are NaN or infinite, or not those that a manifest lists. */
  | 'BAD_WEIGHTS'
  /** The names in the checkpoint are of no known vision tower. */
  | 'UNKNOWN_LAYOUT'
  /** A tensor that the network needs is missing. */
  | 'TENSOR_MISSING'
  /** A tensor has another shape than the network needs. */
  | 'TENSOR_SHAPE'
  /** A tensor has a dtype that cannot be used as a weight. */
  | 'TENSOR_DTYPE'
  /** config.json cannot be read or describes an unsupported network. */
  | 'BAD_CONFIG'
  /** config.json and the tensors contradict each other. */
  | 'CONFIG_MISMATCH'
  /** The bytes are no picture that can be decoded. */
  | 'BAD_IMAGE'
  /** A picture or its target has a size that cannot be encoded. */
  | 'IMAGE_SIZE'
  /** The position mode does not fit the table or the grid. */
  | 'BAD_POSITIONS'
  /** There is no WebGPU here (no `navigator.gpu`, or an insecure page). */
  | 'NO_WEBGPU'
  /** WebGPU is here, but offers no adapter. */
  | 'NO_ADAPTER'
  /** The device lacks a feature that was asked for. */
  | 'NO_FEATURE'
  /** A limit of the device is too small: the message states what it has and what is needed. */
  | 'LIMIT'
  /** The device could not allocate memory. */
  | 'OUT_OF_MEMORY'
  /** The device was lost. */
  | 'DEVICE_LOST'
  /** A shader or pipeline was refused by the device. */
  | 'SHADER'
  /** A weight does not fit 16-bit floats, or the scale of its int8 codes does not. */
  | 'F16_OVERFLOW'
  /** An optional package is needed here and is not installed. */
  | 'MISSING_PACKAGE'
  /** A file could not be written. */
  | 'WRITE'
  /** There are no web workers here, or one could not be started, or it ended. */
  | 'WORKER'

/**
 * The error of this library: what happened, both numbers where numbers disagree, and the way out.
 *
 * `code` is stable and meant for programs; `message` is meant for people and may be reworded.
 */
export class SovitError extends Error {
  /** Which of the ways it is. */
  readonly code: SovitErrorCode

  constructor(code: SovitErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = code === 'ABORTED' ? 'AbortError' : 'SovitError'
    this.code = code
  }
}

/** Throws the `ABORTED` error, with the signal's reason as its cause, when `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortedBy(signal, what)
}

/** Settles as `work` does, or rejects with the `ABORTED` error as soon as `signal` is aborted; the work itself goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (!signal) return work
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(abortedBy(signal, what))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

function abortedBy({ reason }: AbortSignal, what: string): SovitError {
  return new SovitError('ABORTED', `${what} was aborted.`, { cause: reason })
}
