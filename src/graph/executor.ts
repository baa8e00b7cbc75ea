import { throwIfAborted } from '../errors.js'
import type { Gpu } from '../gpu/device.js'
import type { Kernel, RunSizes } from '../gpu/kernel.js'
import { allocating } from '../gpu/memory.js'
import type { Pipeline } from '../gpu/pipeline.js'
import { packBatch, type BatchImage } from './batch.js'
import type { Plan } from './plan.js'
import { Workspace } from './workspace.js'

export interface RunOptions {
  /** Also read back every tapped value. */
  readonly taps?: boolean
  /** Leave the tokens on the device: one buffer a picture, owned by the caller. */
  readonly keepOnGpu?: boolean
  readonly signal?: AbortSignal
}

export interface RunResult {
  /** Tokens of each picture, [P, C]; empty arrays when they stay on the GPU. */
  readonly tokens: readonly Float32Array[]
  readonly buffers: readonly GPUBuffer[]
  /** For each tap, its rows for each picture. */
  readonly taps: readonly (readonly Float32Array[])[]
}

/** Work of one submit before anything is known of the device: a layer of the big tower at 448×448. */
const FIRST_SUBMIT_FLOPS = 40e9
/** Browsers kill a GPU process that is stuck for some 10 s; a page stays responsive below about half a second. */
const SUBMIT_SECONDS = 0.5

const FLOAT = 4

// Functions, because the module may be imported where there is no WebGPU.
const READBACK = (): number => GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
const HANDED_OUT = (): number => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST

/** Runs a planned network: uploads a batch, records all steps into one pass a submit, reads the tokens back. */
export class Executor {
  readonly #gpu: Gpu
  readonly #plan: Plan
  readonly #patch: number
  readonly #workspace: Workspace
  /** Measured by the last run; bounds the work of one submit. */
  #flopsPerSecond: number | null = null

  constructor(
    gpu: Gpu,
    plan: Plan,
    patch: number,
    pipelines: ReadonlyMap<Kernel, Pipeline>,
    weights: readonly GPUBuffer[],
  ) {
    this.#gpu = gpu
    this.#plan = plan
    this.#patch = patch
    this.#workspace = new Workspace(gpu, plan, pipelines, weights)
  }

  /** Most rows, and most pixel values, of one batch. */
  get limits(): { readonly rows: number; readonly values: number } {
    return this.#workspace.limits
  }

  /** Runs one packed batch. Runs must not overlap. */
  async run(images: readonly BatchImage[], options: RunOptions = {}): Promise<RunResult> {
    const { run, ...tables } = packBatch(images, this.#patch, this.#plan.queryTile)
    await this.#workspace.reserve(run)
    this.#gpu.check() // a dispose during any await has destroyed the buffers
    let offset = 0
    for (const { data } of images) {
      this.#workspace.write('pixels', data, offset)
      offset += data.byteLength
    }
    for (const name of ['patches', 'tiles', 'size'] as const) this.#workspace.write(name, tables[name])

    const rows = images.map(({ grid }) => grid[0] * grid[1])
    const made: GPUBuffer[] = []
    try {
      return await this.#execute(run, rows, options, made)
    } catch (error) {
      for (const buffer of made) this.#gpu.memory.destroy(buffer)
      throw error
    }
  }

  /** `made` collects the buffers of this run alone, so that a failure frees them. */
  async #execute(
    run: RunSizes,
    rows: readonly number[],
    { taps: wanted, keepOnGpu, signal }: RunOptions,
    made: GPUBuffer[],
  ): Promise<RunResult> {
    const { device } = this.#gpu
    const { width } = this.#plan
    const bytes = (run.P ?? 0) * width * FLOAT
    const tapSizes = wanted ? this.#plan.taps.map(() => bytes) : []
    const taps = await this.#create('hidden states', tapSizes, READBACK, made)
    const tokenSizes = keepOnGpu ? rows.map((count) => count * width * FLOAT) : []
    const buffers = await this.#create('tokens', tokenSizes, HANDED_OUT, made)

    const start = performance.now()
    const { encoder, flops } = await this.#record(run, taps, signal)
    this.#copyTokens(encoder, buffers, bytes)
    this.#gpu.check()
    device.queue.submit([encoder.finish()])
    const tokens = keepOnGpu ? [] : split(await this.#read(this.#workspace.readback, bytes), rows, width)
    if (keepOnGpu) await device.queue.onSubmittedWorkDone()
    this.#flopsPerSecond = flops / ((performance.now() - start) / 1e3)

    const tapped: Float32Array[][] = []
    for (const tap of taps) {
      tapped.push(split(await this.#read(tap, bytes), rows, width))
      this.#gpu.memory.destroy(tap)
    }
    this.#gpu.check()
    throwIfAborted(signal, 'The encode')
    for (const buffer of buffers) this.#gpu.memory.release(buffer)
    return { tokens, buffers, taps: tapped }
  }

  /** To the caller's buffers, one a picture; without any, all rows to the buffer that is read back. */
  #copyTokens(encoder: GPUCommandEncoder, buffers: readonly GPUBuffer[], bytes: number): void {
    const output = this.#workspace.buffer(this.#plan.output)
    if (buffers.length === 0) encoder.copyBufferToBuffer(output, 0, this.#workspace.readback, 0, bytes)
    let offset = 0
    for (const buffer of buffers) {
      encoder.copyBufferToBuffer(output, offset, buffer, 0, buffer.size)
      offset += buffer.size
    }
  }

  /**
   * Records the steps, submitting whenever the work would keep the device busy too long, and at most one submit ahead
   * of the device, so that an abort takes effect soon. Returns the last encoder, not yet submitted.
   */
  async #record(run: RunSizes, taps: readonly GPUBuffer[], signal: AbortSignal | undefined) {
    const { device } = this.#gpu
    const budget = this.#flopsPerSecond === null ? FIRST_SUBMIT_FLOPS : this.#flopsPerSecond * SUBMIT_SECONDS
    const bytes = (run.P ?? 0) * this.#plan.width * FLOAT
    const begin = () => {
      const encoder = device.createCommandEncoder({ label: 'sovit' })
      return { encoder, pass: encoder.beginComputePass({ label: 'sovit' }) }
    }
    let { encoder, pass } = begin()
    let total = 0
    let pending = 0
    for (const [index, step] of this.#workspace.steps.entries()) {
      const flops = step.kernel.flops(run)
      if (pending > 0 && pending + flops > budget) {
        pass.end()
        const previous = device.queue.onSubmittedWorkDone()
        device.queue.submit([encoder.finish()])
        await previous
        this.#gpu.check()
        throwIfAborted(signal, 'The encode')
        ;({ encoder, pass } = begin())
        pending = 0
      }
      pass.setPipeline(step.pipeline)
      pass.setBindGroup(0, step.group)
      pass.dispatchWorkgroups(...step.kernel.workgroups(run))
      pending += flops
      total += flops
      const tap = taps[this.#plan.taps.findIndex((entry) => entry.step === index)]
      if (tap) {
        pass.end()
        encoder.copyBufferToBuffer(this.#workspace.buffer(step.label), 0, tap, 0, bytes)
        pass = encoder.beginComputePass({ label: 'sovit' })
      }
    }
    pass.end()
    return { encoder, flops: total }
  }

  async #create(what: string, sizes: readonly number[], usage: () => number, made: GPUBuffer[]): Promise<GPUBuffer[]> {
    if (sizes.length === 0) return []
    return allocating(this.#gpu.device, what, () =>
      sizes.map((size, i) => {
        const buffer = this.#gpu.memory.create(`${what}.${i}`, size, usage())
        made.push(buffer)
        return buffer
      }),
    )
  }

  async #read(buffer: GPUBuffer, bytes: number): Promise<Float32Array> {
    this.#gpu.check()
    await buffer.mapAsync(GPUMapMode.READ, 0, bytes)
    const copy = new Float32Array(buffer.getMappedRange(0, bytes).slice(0))
    buffer.unmap()
    return copy
  }
}

/** Cuts packed rows into pictures. */
function split(packed: Float32Array, rows: readonly number[], width: number): Float32Array[] {
  let start = 0
  return rows.map((count) => packed.slice(start, (start += count * width)))
}
