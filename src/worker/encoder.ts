// Kept in the declarations, so that a user whose `lib` ends before `Symbol.dispose` can compile them.
/// <reference lib="esnext.disposable" preserve="true" />
import { builtInModel } from '../built-in.js'
import { persist } from '../encoder/persist.js'
import type {
  DeviceInfo,
  EncodeInput,
  Encoding,
  LoadInfo,
  ModelInfo,
  ModelSource,
  StepTime,
  Support,
} from '../encoder/types.js'
import { SovitError, throwIfAborted } from '../errors.js'
import type { Transferable, Worker } from '../platform.js'
import { connect } from './connect.js'
import type { Connection } from './connection.js'
import { sendPictures } from './inputs.js'
import type { Calls, EncoderFacts, GpuMemoryUse } from './protocol.js'
import { checkSent, sendSource } from './sources.js'
import type {
  WorkerEncodeOptions,
  WorkerKeptOptions,
  WorkerKeptWeights,
  WorkerLoadOptions,
  WorkerProfileOptions,
  WorkerSlicingOptions,
  WorkerWholeOptions,
} from './types.js'

/**
 * `VisionEncoder` of `sovit` behind a module worker, so that loads and encodes leave the page's thread alone. The same
 * API, but for what cannot cross: devices, functions other than `onProgress`, stores of the caller's, and results on the
 * GPU are refused with `BAD_OPTION`; `memory()` stands for `gpuBytes` and `gpuBuffers`. Results are moved, not copied. One
 * worker serves all encoders, and ends with the last of them.
 *
 * ```ts
 * import { VisionEncoder } from 'sovit/worker'
 * const encoder = await VisionEncoder.load('openbmb/MiniCPM-V-2_6')
 * const { tokens, dims, grid } = await encoder.encode(image)
 * encoder.dispose()
 * ```
 */
export class VisionEncoder implements EncoderFacts {
  /** What the checkpoint turned out to be. */
  readonly model: ModelInfo
  /** How operands and weights are stored on the device. */
  readonly precision: EncoderFacts['precision']
  /** How products are computed. */
  readonly arithmetic: EncoderFacts['arithmetic']
  /** How positions are mapped to a picture's grid. */
  readonly positions: EncoderFacts['positions']
  /** SigLIP's two numbers that make scores of cosines, where the checkpoint has them. */
  readonly logitScale: EncoderFacts['logitScale']
  /** What the load took, in the worker. */
  readonly load: LoadInfo
  /** The worker's device. */
  readonly device: DeviceInfo
  readonly #connection: Connection
  /** What the worker calls it. */
  readonly #encoder: number
  #disposed = false

  private constructor(connection: Connection, encoder: number, facts: EncoderFacts) {
    this.#connection = connection
    this.#encoder = encoder
    this.model = facts.model
    this.precision = facts.precision
    this.arithmetic = facts.arithmetic
    this.positions = facts.positions
    this.logitScale = facts.logitScale
    this.load = facts.load
    this.device = facts.device
  }

  /** Whether a worker of this page can run the encoder; if not, why, and what to do. */
  static async support({ worker }: { readonly worker?: Worker } = {}): Promise<Support> {
    try {
      return await connect(worker).ask('support', {})
    } catch (error) {
      if (error instanceof SovitError) return { ok: false, code: error.code, message: error.message }
      throw error
    }
  }

  /** What loads have kept of weights from the network. */
  static readonly cache: WorkerKeptWeights = {
    isCached: async (source, options = {}) => {
      const { worker, source: sent, options: rest, moved } = crossing(source, options)
      return connect(worker).ask('isCached', { source: sent, options: rest }, { moved })
    },
    size: async ({ source, ...options } = {}) => {
      const { worker, moved, ...asks } = keptCrossing(source, options)
      return connect(worker).ask('size', asks, { moved })
    },
    clear: async (source, options = {}) => {
      const { worker, moved, ...asks } = keptCrossing(source, options)
      return connect(worker).ask('clear', asks, { moved })
    },
    persist,
  }

  /**
   * Loads a checkpoint in a worker. Of bytes a copy is sent, unless `transfer` moves them; Files are read by the worker.
   *
   * @throws SovitError as `load` of `sovit`, and `WORKER`; then nothing is left on the device.
   */
  static async load(source: ModelSource = builtInModel, options: WorkerLoadOptions = {}): Promise<VisionEncoder> {
    const { signal, onProgress } = options
    throwIfAborted(signal, 'The load')
    const { worker, source: sent, options: rest, moved } = crossing(source, options)
    const connection = connect(worker)
    const asks = { source: sent, options: rest, reports: onProgress !== undefined }
    const { call, value } = await readable('BAD_OPTION', connection.load(asks, { moved, signal, onProgress }))
    return new VisionEncoder(connection, call, value)
  }

  /** Live GPU buffers of this encoder in the worker, and their bytes. */
  async memory(): Promise<GpuMemoryUse> {
    this.#check()
    return this.#connection.ask('memory', { encoder: this.#encoder })
  }

  /**
   * Encodes one picture, or several, as `encode` of `sovit` does. Pictures are copied to the worker unless `transfer` moves
   * them; elements and canvases become bitmaps here.
   *
   * @returns tokens [P, C] of each picture or piece, after the final norm, in raster order.
   * @throws SovitError as there, and `WORKER`
   */
  encode(input: EncodeInput | readonly EncodeInput[], options: WorkerSlicingOptions): Promise<Encoding[]>
  encode(input: EncodeInput, options?: WorkerWholeOptions): Promise<Encoding>
  encode(input: readonly EncodeInput[], options?: WorkerEncodeOptions): Promise<Encoding[]>
  encode(input: EncodeInput | readonly EncodeInput[], options?: WorkerEncodeOptions): Promise<Encoding | Encoding[]>
  async encode(
    input: EncodeInput | readonly EncodeInput[],
    options: WorkerEncodeOptions = {},
  ): Promise<Encoding | Encoding[]> {
    return this.#see('encode', input, options)
  }

  /**
   * Encodes once with a compute pass for each step, and tells how long each took on the device.
   *
   * @throws SovitError `NO_FEATURE` where the device has no `timestamp-query`, and whatever `encode` throws
   */
  async profile(
    input: EncodeInput | readonly EncodeInput[],
    options: WorkerProfileOptions = {},
  ): Promise<readonly StepTime[]> {
    return this.#see('profile', input, options)
  }

  /** Frees everything this encoder holds. Our worker ends with its last encoder; the app's lives on. */
  dispose(): void {
    this.#disposed = true
    this.#connection.drop(this.#encoder)
  }

  /** `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  async #see<K extends 'encode' | 'profile'>(
    kind: K,
    input: EncodeInput | readonly EncodeInput[],
    { transfer = false, signal, ...options }: WorkerEncodeOptions,
  ): Promise<Calls[K]['answers']> {
    this.#check()
    throwIfAborted(signal, 'The encode')
    checkSent(options)
    const list = Array.isArray(input)
    const sent = await sendPictures(list ? (input as readonly EncodeInput[]) : [input as EncodeInput], transfer)
    try {
      this.#check()
      const asks = { encoder: this.#encoder, input: list ? sent.pictures : sent.pictures[0], options }
      return await readable(
        'BAD_IMAGE',
        this.#connection.ask(kind, asks as Calls[K]['asks'], { moved: sent.moved, signal }),
      )
    } finally {
      sent.discard()
    }
  }

  #check(): void {
    if (this.#disposed) throw new SovitError('DISPOSED', 'The encoder was disposed. Load it again to encode.')
  }
}

/** What of a source and its options is sent, and to whom. */
function crossing(source: ModelSource, options: WorkerLoadOptions) {
  const { worker, transfer = false, onProgress: _, signal: __, ...rest } = options
  checkSent(rest)
  const moved = new Set<Transferable>()
  return { worker, source: sendSource(source, transfer, moved), options: rest, moved }
}

function keptCrossing(source: ModelSource | undefined, options: WorkerKeptOptions) {
  const { worker, ...rest } = options
  checkSent(rest)
  const moved = new Set<Transferable>()
  return { worker, source: source === undefined ? null : sendSource(source, false, moved), options: rest, moved }
}

/** What the browser refuses to send is refused by the library's own error. */
async function readable<T>(code: 'BAD_OPTION' | 'BAD_IMAGE', answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    if (!(cause instanceof DOMException && cause.name === 'DataCloneError')) throw cause
    throw new SovitError(code, `This cannot be sent to a worker: ${cause.message} Use VisionEncoder of 'sovit'.`, {
      cause,
    })
  }
}
