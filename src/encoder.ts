// Kept in the declarations, so that a user whose `lib` ends before `Symbol.dispose` can compile them.
/// <reference lib="esnext.disposable" preserve="true" />
import { builtInModel } from './built-in.js'
import { isFileList } from './checkpoint/memory.js'
import { encodingsOf } from './encoder/encodings.js'
import { loadTower, type LoadedTower } from './encoder/load.js'
import type { KeptWeights } from './encoder/kept.js'
import { checkEncodeOptions } from './encoder/options.js'
import { cutPicture, withPositions, type Piece, type PieceImage } from './encoder/pieces.js'
import type {
  Arithmetic,
  EncodeInput,
  EncodeOptions,
  Encoding,
  LoadInfo,
  LoadOptions,
  ModelInfo,
  ModelSource,
  PositionMode,
  Precision,
  ProfileOptions,
  SlicingOptions,
  Support,
  WholeOptions,
} from './encoder/types.js'
import type { LogitScale } from './features/zero-shot.js'
import { SovitError, throwIfAborted, unlessAborted } from './errors.js'
import { cutBatches } from './graph/batch.js'
import type { Executor, RunOptions, RunResult } from './graph/executor.js'
import type { StepTime } from './graph/step-time.js'
import { Gpu } from './gpu/device.js'
import type { DeviceInfo } from './gpu/types.js'
import type { WebGpu } from './platform.js'
import { GpuResizer } from './image/gpu-resize.js'
import { freePixels } from './image/input.js'
import type { GridTables } from './model/positions.js'

interface EncodedBatch {
  readonly images: readonly PieceImage[]
  readonly result: RunResult
}

/** In an object, because a promise of a promise is one promise. */
interface Submitted {
  readonly settled: Promise<PromiseSettledResult<EncodedBatch>[]>
}

/**
 * The SigLIP vision tower of MiniCPM-V on WebGPU.
 *
 * ```ts
 * const encoder = await VisionEncoder.load('openbmb/MiniCPM-V-2_6')
 * const { tokens, dims, grid } = await encoder.encode(image)
 * encoder.dispose()
 * ```
 */
export class VisionEncoder {
  /** What the checkpoint turned out to be. */
  readonly model: ModelInfo
  /** How operands and weights are stored on the device. */
  readonly precision: Precision
  /** How products are computed. */
  readonly arithmetic: Arithmetic
  /** How positions are mapped to a picture's grid. */
  readonly positions: PositionMode
  /** SigLIP's two numbers that make scores of cosines (`zeroShot` of `sovit/features`), where the checkpoint has them. */
  readonly logitScale: LogitScale | null
  /** What the load took. */
  readonly load: LoadInfo
  readonly #gpu: Gpu
  readonly #executor: Executor
  readonly #grids: GridTables
  /** Null on a software rasteriser, whose passes are slower than the CPU's own. */
  readonly #resizer: GpuResizer | null
  /** Settles when all calls so far are submitted. */
  #tail: Promise<unknown> = Promise.resolve()

  private constructor(gpu: Gpu, tower: LoadedTower) {
    this.#gpu = gpu
    this.#executor = tower.executor
    this.model = tower.model
    this.precision = tower.precision
    this.arithmetic = tower.arithmetic
    this.positions = tower.positions
    this.logitScale = tower.logitScale
    this.load = tower.load
    this.#grids = tower.grids
    this.#resizer = gpu.info.software ? null : new GpuResizer(gpu)
  }

  /**
   * Whether this page or process can run the encoder; if not, why, and what to do. Opens a device, and closes it again.
   *
   * @param options `gpu`: the WebGPU entry point. Default `navigator.gpu`.
   */
  static async support(options: { gpu?: WebGpu } = {}): Promise<Support> {
    try {
      const gpu = await Gpu.open(options)
      gpu.dispose()
      return { ok: true, device: gpu.info }
    } catch (error) {
      if (error instanceof SovitError) return { ok: false, code: error.code, message: error.message }
      throw error
    }
  }

  /** What loads have kept of weights from the network. Of its own file, as most pages never ask. */
  static readonly cache: KeptWeights = {
    isCached: async (...of) => (await import('./encoder/kept.js')).isCached(...of),
    size: async (...of) => (await import('./encoder/kept.js')).size(...of),
    clear: async (...of) => (await import('./encoder/kept.js')).clear(...of),
    persist: async () => (await import('./encoder/kept.js')).persist(),
  }

  /**
   * Loads a checkpoint: reads its header, streams the tower's tensors to the GPU, compiles the kernels.
   *
   * @param source `owner/repo` on the hub, an address, a Blob or File, the files of a folder, or bytes; in Node also a path.
   *   Default: sovit-nano, built in.
   * @param options all may be left out
   * @throws SovitError of nearly any code; then nothing is left on the device.
   */
  static async load(source: ModelSource = builtInModel, options: LoadOptions = {}): Promise<VisionEncoder> {
    throwIfAborted(options.signal, 'The load')
    // An input's list is emptied when the input is, which pages do at once so that the same files can be chosen again.
    const given = isFileList(source) ? [...source] : source
    const opening = Gpu.open(options)
    try {
      const tower = await loadTower(opening, given, options)
      return new VisionEncoder(await opening, tower)
    } catch (error) {
      const gpu = await opening // if that failed, it is the reason
      const reason = await gpu.explain(error)
      gpu.dispose()
      throw reason
    }
  }

  /** The device that it runs on. */
  get device(): DeviceInfo {
    return this.#gpu.info
  }

  /** Bytes of all live GPU buffers of this encoder: weights, arena, and buffers of batches. */
  get gpuBytes(): number {
    return this.#gpu.memory.bytes
  }

  /** Number of live GPU buffers of this encoder. */
  get gpuBuffers(): number {
    return this.#gpu.memory.count
  }

  /**
   * Encodes one picture, or several of any sizes as one packed batch. Calls queue: they may overlap. With the size
   * `minicpm-v` there is one encoding a piece, of one picture too: overview first, then the slices row by row, picture after
   * picture.
   *
   * @param input a picture, ready pixel values, or several of them
   * @param options all may be left out
   * @returns tokens [P, C] of each picture or piece, after the final norm, in raster order; and what heads make of them.
   * @throws SovitError `BAD_OPTION`, `BAD_IMAGE`, `NOT_FOUND`, `ACCESS_DENIED`, `NETWORK`, `MISSING_PACKAGE`, `IMAGE_SIZE`, `NO_FEATURE`, `BAD_POSITIONS`, `LIMIT`, `OUT_OF_MEMORY`, `ABORTED`, `DISPOSED`, `DEVICE_LOST`
   */
  encode(input: EncodeInput | readonly EncodeInput[], options: SlicingOptions): Promise<Encoding[]>
  encode(input: EncodeInput, options?: WholeOptions): Promise<Encoding>
  encode(input: readonly EncodeInput[], options?: EncodeOptions): Promise<Encoding[]>
  encode(input: EncodeInput | readonly EncodeInput[], options?: EncodeOptions): Promise<Encoding | Encoding[]>
  async encode(
    input: EncodeInput | readonly EncodeInput[],
    options: EncodeOptions = {},
  ): Promise<Encoding | Encoding[]> {
    const all = isList(input) ? input : [input]
    const batches = await this.#enqueue(all, options, options.gpuTime ? 'whole' : undefined)
    const encodings = batches.flatMap(({ images, result }) => encodingsOf(images, result, this.positions, options))
    const [only] = encodings
    return !only || isList(input) || options.size === 'minicpm-v' ? encodings : only
  }

  /**
   * Encodes once with a compute pass for each step, and tells how long each took on the device. Passes of their own cost
   * time, so the sum is above what `encode` takes; browsers round each to some 65 µs.
   *
   * @throws SovitError `NO_FEATURE` where the device has no `timestamp-query`, and whatever `encode` throws
   */
  async profile(
    input: EncodeInput | readonly EncodeInput[],
    options: ProfileOptions = {},
  ): Promise<readonly StepTime[]> {
    const batches = await this.#enqueue(isList(input) ? input : [input], options, 'steps')
    return batches.flatMap(({ result }) => result.steps)
  }

  /** Frees everything this encoder holds on the device; a caller's device lives on. */
  dispose(): void {
    this.#gpu.dispose()
  }

  /** `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  #check(signal?: AbortSignal): void {
    this.#gpu.check()
    throwIfAborted(signal, 'The encode')
  }

  /** Runs when all calls before are submitted; an abort while waiting takes effect at once. */
  async #enqueue(
    input: readonly EncodeInput[],
    options: EncodeOptions,
    timing?: RunOptions['timing'],
  ): Promise<readonly EncodedBatch[]> {
    this.#check(options.signal)
    checkEncodeOptions(options)
    if (timing && !this.#gpu.has('timestamp-query')) {
      throw new SovitError('NO_FEATURE', `Times on the device need 'timestamp-query', which this device lacks.`)
    }
    const images = await this.#prepareAll(input, options)
    const turn = this.#tail
    const submitted = turn.then(() => this.#submit(images, options, timing))
    this.#tail = submitted.catch(() => undefined)
    await unlessAborted(turn, options.signal, 'The encode')
    return this.#settle(await submitted, options.signal)
  }

  /** Pictures of one call; when one fails, what was made of the others is freed. */
  async #prepareAll(input: readonly EncodeInput[], options: EncodeOptions): Promise<readonly PieceImage[]> {
    const prepared = await Promise.allSettled(
      input.map((item, i) => cutPicture(item, i, options, this.model, this.#resizer)),
    )
    const pieces = prepared.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    const failed = prepared.find((one) => one.status === 'rejected')
    if (!failed) return this.#placed(pieces, options)
    pieces.forEach(freePixels)
    throw await this.#gpu.explain(failed.reason)
  }

  /** Pieces with their places in the position table, and in time. */
  async #placed(pieces: readonly Piece[], { temporalIds }: EncodeOptions): Promise<readonly PieceImage[]> {
    try {
      const images = withPositions(pieces, this.#grids)
      if (!temporalIds) return images
      return (await import('./encoder/frames.js')).withFrames(images, temporalIds, this.model.config)
    } catch (error) {
      pieces.forEach(freePixels)
      throw error
    }
  }

  /**
   * Submits a call's pictures; a batch beyond the device's limits is cut into several, whose tokens are the same bits.
   * The results of what was submitted come even when a later batch fails, as the buffers they hold must be freed.
   */
  async #submit(images: readonly PieceImage[], options: EncodeOptions, timing: RunOptions['timing']) {
    const { hiddenStates: taps = false, output, heads, signal } = options
    const what = { taps, keepOnGpu: output === 'gpu', tokensOnly: heads === 'none', timing, signal }
    const batches: Promise<EncodedBatch>[] = []
    try {
      for (const part of cutBatches(images, this.#executor.limits)) {
        this.#check(signal)
        const { done } = await this.#executor.submit(part, what)
        batches.push(done.then((result) => ({ images: part, result })))
      }
    } catch (error) {
      batches.push(Promise.reject(error instanceof Error ? error : new Error(String(error))))
    } finally {
      images.forEach(freePixels)
    }
    return { settled: Promise.allSettled(batches) }
  }

  async #settle({ settled }: Submitted, signal: AbortSignal | undefined): Promise<readonly EncodedBatch[]> {
    const results = await settled
    const done = results.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    const failed = results.find((one) => one.status === 'rejected')
    if (!failed) return done
    for (const buffer of done.flatMap(({ result }) => result.results.flatMap(({ buffers }) => buffers)))
      buffer.destroy()
    this.#check(signal)
    throw await this.#gpu.explain(failed.reason)
  }
}

function isList(input: EncodeInput | readonly EncodeInput[]): input is readonly EncodeInput[] {
  return Array.isArray(input)
}
