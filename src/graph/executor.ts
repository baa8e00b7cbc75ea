import { throwIfAborted } from '../errors.js'
import type { Gpu } from '../gpu/device.js'
import type { Kernel } from '../gpu/kernel.js'
import type { Pipeline } from '../gpu/pipeline.js'
import { packBatch, sameLayout, type BatchImage, type BatchTables } from './batch.js'
import { RunOutputs } from './outputs.js'
import { cutResults, resultSpans, tapSpan, type Result, type ResultSpan } from './results.js'
import { queryTile, type Plan } from './plan.js'
import { readBuffer, Readbacks } from './readbacks.js'
import { Recording } from './recording.js'
import { Workspace, type Dispatch } from './workspace.js'
import { sum } from './sum.js'

export interface RunOptions {
  /** Also read back every tapped value. */
  readonly taps?: boolean
  /** Leave the results on the device: one buffer for each of a picture, owned by the caller. */
  readonly keepOnGpu?: boolean
  /** Stop at the tower's tokens. */
  readonly tokensOnly?: boolean
  /** Time the work on the device, as a whole or step by step (then each step has a pass, which costs time of its own). */
  readonly timing?: 'whole' | 'steps'
  readonly signal?: AbortSignal
}

export interface RunResult {
  /** The tokens first. */
  readonly results: readonly Result[]
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
  /** Its shader. */
  readonly kernel: string
  /** Which of those that compute the same: a tile. */
  readonly variant: string
  /** Milliseconds. */
  readonly ms: number
  /** Additions and multiplications that it stands for. */
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
    const spans = resultSpans(this.plan, batch, options.tokensOnly)
    const outputs = await RunOutputs.create(this.#gpu, this.#readbacks, this.#outputSizes(batch, spans, options))
    const start = performance.now()
    try {
      this.#gpu.check() // a dispose during any await has destroyed the buffers
      await this.#record(batch, spans, outputs, options)
    } catch (error) {
      if (outputs.readback) this.#readbacks.return(outputs.readback)
      outputs.free()
      throw error
    }
    const done = this.#collect(batch, spans, outputs, start, options)
    done.catch(() => undefined) // whoever called this looks at it later
    return { done }
  }

  /** Uploads pictures, and the tables of their layout unless the last batch had the same. */
  async #prepare(images: readonly BatchImage[]): Promise<CurrentBatch> {
    const last = this.#batch
    const known = last && sameLayout(last, images) ? last : null
    const tables = known ?? packBatch(images, this.#patch, this.plan, queryTile(this.plan))
    this.#batch = null
    const fresh = await this.#workspace.reserve(tables)
    this.#gpu.check()
    const { queue } = this.#gpu.device
    let offset = 0
    for (const { data } of images) {
      if (!ArrayBuffer.isView(data)) data.write(this.#workspace.pixels, offset)
      else queue.writeBuffer(this.#workspace.pixels, offset * FLOAT, data.buffer, data.byteOffset, data.byteLength)
      offset += data.length
    }
    if (known && !fresh) return (this.#batch = known)
    this.#workspace.write(tables)
    return (this.#batch = { ...tables, dispatches: this.#workspace.dispatches(tables) })
  }

  #outputSizes(batch: CurrentBatch, spans: readonly ResultSpan[], { taps, keepOnGpu, tokensOnly, timing }: RunOptions) {
    const parts = spans.flatMap(({ parts }) => parts)
    return {
      readback: keepOnGpu ? null : sum(parts),
      handedOut: keepOnGpu ? parts : [],
      taps: taps ? this.plan.taps.map((tap) => sum(tapSpan(tap, batch).parts)) : [],
      timedPasses: timing ? this.#stepsOf(batch, tokensOnly).length : 0,
    }
  }

  #stepsOf({ dispatches }: CurrentBatch, tokensOnly = false): readonly Dispatch[] {
    return tokensOnly ? dispatches.slice(0, this.plan.towerSteps) : dispatches
  }

  /**
   * Records and submits the steps: at once, or whenever the work would keep the device busy too long, and then at most
   * one submit ahead of the device, so that an abort takes effect soon.
   */
  async #record(
    batch: CurrentBatch,
    spans: readonly ResultSpan[],
    outputs: RunOutputs,
    options: RunOptions,
  ): Promise<void> {
    const { signal, timing, tokensOnly } = options
    const { queue } = this.#gpu.device
    const budget = this.#flopsPerSecond === null ? FIRST_SUBMIT_FLOPS : this.#flopsPerSecond * SUBMIT_SECONDS
    const recording = new Recording(this.#gpu.device, outputs.timer)
    let pending = 0
    for (const [index, dispatch] of this.#stepsOf(batch, tokensOnly).entries()) {
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
      if (tap) recording.copy(this.#workspace.buffer(dispatch.label), 0, tap, tap.size)
    }
    this.#recordCopies(recording, spans, outputs)
    recording.resolveTimer()
    recording.submit()
  }

  /** From the arena into the one buffer that is read back, or into one for each picture. */
  #recordCopies(recording: Recording, spans: readonly ResultSpan[], { readback, handedOut }: RunOutputs): void {
    let to = 0
    let next = 0
    for (const { value, parts } of spans) {
      const from = this.#workspace.buffer(value)
      const bytes = sum(parts)
      if (readback) recording.copy(from, 0, readback, bytes, to)
      to += bytes
      let offset = 0
      for (const part of parts) {
        const buffer = handedOut[next++]
        if (buffer) recording.copy(from, offset, buffer, part)
        offset += part
      }
    }
  }

  async #collect(
    batch: CurrentBatch,
    spans: readonly ResultSpan[],
    outputs: RunOutputs,
    start: number,
    options: RunOptions,
  ): Promise<RunResult> {
    const { timing, tokensOnly, signal } = options
    const bytes = sum(spans.flatMap(({ parts }) => parts))
    const dispatches = this.#stepsOf(batch, tokensOnly)
    try {
      this.#gpu.check() // mapping a destroyed buffer is an error of its own
      const reading =
        outputs.readback && this.#readbacks.read(outputs.readback, bytes, (mapped) => cutResults(mapped, spans))
      const read = (await reading) ?? []
      if (!reading) await this.#gpu.device.queue.onSubmittedWorkDone()
      this.#measure(dispatches, start)
      this.#gpu.check()
      const taps = await Promise.all(outputs.taps.map((tap, i) => this.#readTap(tap, i, batch)))
      const times = (await outputs.timer?.read()) ?? []
      throwIfAborted(signal, 'The encode')
      this.#gpu.check()
      const gpuMs = timing ? sum(times) : null
      const steps = timing === 'steps' ? dispatches.map((one, i) => stepTime(one, times[i] ?? 0)) : []
      const buffers = [...outputs.release()]
      const results = spans.map(({ name, parts, shapes }, i) => {
        return { name, shapes, data: read[i] ?? [], buffers: buffers.splice(0, outputs.readback ? 0 : parts.length) }
      })
      return { results, taps, gpuMs, steps }
    } finally {
      outputs.free()
    }
  }

  async #readTap(buffer: GPUBuffer, index: number, batch: BatchTables): Promise<readonly Float32Array[]> {
    const tap = this.plan.taps[index]
    if (!tap) return []
    const span = tapSpan(tap, batch)
    return readBuffer(buffer, buffer.size, (mapped) => cutResults(mapped, [span])[0] ?? [])
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
