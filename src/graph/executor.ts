import { throwIfAborted } from '../errors.js'
import type { Gpu } from '../gpu/device.js'
import type { Kernel } from '../gpu/kernel.js'
import type { Pipeline } from '../gpu/pipeline.js'
import { packBatch, sameLayout, type BatchImage, type BatchTables } from './batch.js'
import { RunOutputs } from './outputs.js'
import { queryTile, type Plan } from './plan.js'
import { readBuffer, Readbacks } from './readbacks.js'
import { Recording } from './recording.js'
import { Workspace, type Dispatch } from './workspace.js'

export interface RunOptions {
  /** Also read back every tapped value. */
  readonly taps?: boolean
  /** Leave the tokens on the device: one buffer a picture, owned by the caller. */
  readonly keepOnGpu?: boolean
  /** Time the work on the device, as a whole or step by step (then each step has a pass, which costs time of its own). */
  readonly timing?: 'whole' | 'steps'
  readonly signal?: AbortSignal
}

export interface RunResult {
  /** Tokens of each picture, [P, C]; empty when they stay on the GPU. */
  readonly tokens: readonly Float32Array[]
  readonly buffers: readonly GPUBuffer[]
  /** For each tap, its rows for each picture. */
  readonly taps: readonly (readonly Float32Array[])[]
  /** Milliseconds on the device; null unless asked for. */
  readonly gpuMs: number | null
  /** The time of each step; empty unless asked for. */
  readonly steps: readonly StepTime[]
}

/** What one dispatch took on the device. */
export interface StepTime {
  /** The value that it makes, e.g. `layer.12/attention`. */
  readonly label: string
  /** Its shader, and which of those that compute the same (a tile). */
  readonly kernel: string
  readonly variant: string
  readonly ms: number
  readonly flops: number
}

/** A batch whose tables lie on the device. */
interface CurrentBatch extends BatchTables {
  readonly dispatches: readonly Dispatch[]
}

/** Work of one submit before anything is known of the device: a layer of the big tower at 448×448. */
const FIRST_SUBMIT_FLOPS = 40e9
/** Browsers kill a GPU process that is stuck for some 10 s; a page stays responsive below about half a second. */
const SUBMIT_SECONDS = 0.5

const FLOAT = 4

/** Runs a planned network: uploads a batch, records all steps into one pass a submit, reads the tokens back. */
export class Executor {
  readonly plan: Plan
  readonly #gpu: Gpu
  readonly #patch: number
  readonly #workspace: Workspace
  readonly #readbacks: Readbacks
  #batch: CurrentBatch | null = null
  /** Measured by the last run; bounds the work of one submit. */
  #flopsPerSecond: number | null = null
  #lastDone = 0

  constructor(
    gpu: Gpu,
    plan: Plan,
    patch: number,
    pipelines: ReadonlyMap<Kernel, Pipeline>,
    weights: readonly GPUBufferBinding[],
  ) {
    this.plan = plan
    this.#gpu = gpu
    this.#patch = patch
    this.#workspace = new Workspace(gpu, plan, pipelines, weights)
    this.#readbacks = new Readbacks(gpu)
  }

  /** Most rows, and most pixel values, of one batch. */
  get limits(): { readonly rows: number; readonly values: number } {
    return this.#workspace.limits
  }

  /**
   * Submits one packed batch; `done` gives its results. Calls must not overlap, but the next may follow as soon as this
   * one resolves: its pictures are uploaded and its commands recorded while the device still works on this batch.
   */
  async submit(images: readonly BatchImage[], options: RunOptions = {}): Promise<{ done: Promise<RunResult> }> {
    const batch = await this.#prepare(images)
    const outputs = await RunOutputs.create(this.#gpu, this.#readbacks, this.#outputSizes(batch, options))
    const start = performance.now()
    try {
      this.#gpu.check() // a dispose during any await has destroyed the buffers
      await this.#record(batch, outputs, options)
    } catch (error) {
      if (outputs.readback) this.#readbacks.return(outputs.readback)
      outputs.free()
      throw error
    }
    const done = this.#collect(batch, outputs, start, options)
    done.catch(() => undefined) // whoever called this looks at it later
    return { done }
  }

  /** Uploads pictures, and the tables of their layout unless the last batch had the same. */
  async #prepare(images: readonly BatchImage[]): Promise<CurrentBatch> {
    const last = this.#batch
    const tables = last && sameLayout(last, images) ? last : packBatch(images, this.#patch, queryTile(this.plan))
    this.#batch = null
    const fresh = await this.#workspace.reserve(tables.run)
    this.#gpu.check()
    let offset = 0
    for (const { data } of images) {
      if (ArrayBuffer.isView(data)) this.#workspace.write('pixels', data, offset * FLOAT)
      else data.write(this.#workspace.runBuffer('pixels'), offset)
      offset += data.length
    }
    if (fresh || tables !== last) {
      for (const name of ['patches', 'tiles', 'size'] as const) this.#workspace.write(name, tables[name])
      return (this.#batch = { ...tables, dispatches: this.#workspace.dispatches(tables.run) })
    }
    return (this.#batch = last)
  }

  #outputSizes({ rows, run, dispatches }: CurrentBatch, { taps, keepOnGpu, timing }: RunOptions) {
    const rowBytes = this.plan.width * FLOAT
    const bytes = (run.P ?? 0) * rowBytes
    return {
      readback: keepOnGpu ? null : bytes,
      handedOut: keepOnGpu ? rows.map((count) => count * rowBytes) : [],
      taps: taps ? this.plan.taps.map(() => bytes) : [],
      timedPasses: timing ? dispatches.length : 0,
    }
  }

  /**
   * Records and submits the steps: at once, or whenever the work would keep the device busy too long, and then at most
   * one submit ahead of the device, so that an abort takes effect soon.
   */
  async #record({ run, dispatches }: CurrentBatch, outputs: RunOutputs, { signal, timing }: RunOptions): Promise<void> {
    const { queue } = this.#gpu.device
    const budget = this.#flopsPerSecond === null ? FIRST_SUBMIT_FLOPS : this.#flopsPerSecond * SUBMIT_SECONDS
    const bytes = (run.P ?? 0) * this.plan.width * FLOAT
    const recording = new Recording(this.#gpu.device, outputs.timer)
    let pending = 0
    for (const [index, dispatch] of dispatches.entries()) {
      if (pending > 0 && pending + dispatch.flops > budget) {
        const previous = queue.onSubmittedWorkDone()
        recording.submit()
        await previous
        this.#gpu.check()
        throwIfAborted(signal, 'The encode')
        pending = 0
      }
      recording.dispatch(dispatch)
      if (timing === 'steps') recording.endPass()
      pending += dispatch.flops
      const tap = outputs.taps.length > 0 && outputs.taps[this.plan.taps.findIndex(({ step }) => step === index)]
      if (tap) recording.copy(this.#workspace.buffer(dispatch.label), 0, tap, bytes)
    }
    const tokens = this.#workspace.buffer(this.plan.output)
    if (outputs.readback) recording.copy(tokens, 0, outputs.readback, bytes)
    let offset = 0
    for (const buffer of outputs.handedOut) {
      recording.copy(tokens, offset, buffer, buffer.size)
      offset += buffer.size
    }
    recording.resolveTimer()
    recording.submit()
  }

  async #collect(batch: CurrentBatch, outputs: RunOutputs, start: number, options: RunOptions): Promise<RunResult> {
    const { rows, run, dispatches } = batch
    const bytes = (run.P ?? 0) * this.plan.width * FLOAT
    const cut = (mapped: ArrayBuffer) => split(mapped, rows, this.plan.width)
    try {
      this.#gpu.check() // mapping a destroyed buffer is an error of its own
      const reading = outputs.readback && this.#readbacks.read(outputs.readback, bytes, cut)
      const tokens = (await reading) ?? []
      if (!reading) await this.#gpu.device.queue.onSubmittedWorkDone()
      this.#measure(dispatches, start)
      this.#gpu.check()
      const taps = await Promise.all(outputs.taps.map((tap) => readBuffer(tap, bytes, cut)))
      const times = (await outputs.timer?.read()) ?? []
      throwIfAborted(options.signal, 'The encode')
      this.#gpu.check()
      const gpuMs = options.timing ? sum(times) : null
      const steps = options.timing === 'steps' ? dispatches.map((one, i) => stepTime(one, times[i] ?? 0)) : []
      return { tokens, buffers: outputs.release(), taps, gpuMs, steps }
    } finally {
      outputs.free()
    }
  }

  /** The device's speed, from when it could begin with this batch. */
  #measure(dispatches: readonly Dispatch[], start: number): void {
    const now = performance.now()
    const seconds = (now - Math.max(start, this.#lastDone)) / 1e3
    this.#flopsPerSecond = sum(dispatches.map(({ flops }) => flops)) / seconds
    this.#lastDone = now
  }
}

function stepTime({ label, kernel, flops }: Dispatch, ms: number): StepTime {
  return { label, kernel: kernel.name, variant: kernel.variant, ms, flops }
}

/** Copies packed rows out of a mapped buffer, picture by picture. */
function split(mapped: ArrayBuffer, rows: readonly number[], width: number): Float32Array[] {
  let start = 0
  return rows.map((count) => new Float32Array(mapped.slice(start, (start += count * width * FLOAT))))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
