import { SovitError, throwIfAborted } from '../errors.js'
import type { PlannedWeight, WeightFormat } from '../graph/plan.js'
import type { Gpu } from '../gpu/device.js'
import { scaleName } from '../model/layouts.js'
import { convert } from '../gpu/kernels/convert.js'
import { finite } from '../gpu/kernels/finite.js'
import { ELEMENT_BYTES, type Kernel } from '../gpu/kernel.js'
import { allocating } from '../gpu/memory.js'
import { compile, type Pipeline } from '../gpu/pipeline.js'
import type { Scales } from './scales.js'
import type { Checkpoint, StreamOptions, TensorChunk, TensorInfo } from './types.js'

/** Bytes handed to the queue before waiting for it: what the driver may hold twice. */
const AHEAD_BYTES = 32 << 20
/** Raw bytes that are converted on the GPU at once. */
const STAGING_BYTES = 8 << 20

/** What the kernels leave in `status` of a tensor (shaders/convert.wgsl, finite.wgsl). */
const NOT_F16 = 1
const NOT_FINITE = 2

/** Where a tensor goes: a region of a weight's buffer, converted on the way when the two forms differ. */
interface Destination {
  readonly buffer: GPUBuffer
  /** First element inside the buffer. */
  readonly start: number
  readonly from: WeightFormat
  readonly to: WeightFormat
  /** Number of this part among all parts, for reporting what does not fit. */
  readonly part: number
  /** Of int8 that is converted. */
  readonly scales?: Scales
}

/** The form in which the GPU sees a checkpoint's dtype, or null for dtypes that are no weights. */
export function weightFormat(dtype: string): WeightFormat | null {
  return dtype === 'F32' ? 'f32' : dtype === 'F16' ? 'f16' : dtype === 'BF16' ? 'bf16' : dtype === 'I8' ? 'i8' : null
}

/**
 * Streams the weights of a plan into GPU buffers, chunk by chunk: no more than a few chunks are ever held. `tensors` are
 * the checkpoint's, by canonical name.
 *
 * @throws SovitError `OUT_OF_MEMORY`, `BAD_WEIGHTS`, `F16_OVERFLOW`, `ABORTED`, and whatever the checkpoint throws; then no buffer is left.
 */
export async function uploadWeights(
  gpu: Gpu,
  weights: readonly PlannedWeight[],
  checkpoint: Checkpoint,
  tensors: ReadonlyMap<string, TensorInfo>,
  options: StreamOptions = {},
): Promise<readonly GPUBuffer[]> {
  const buffers: GPUBuffer[] = []
  try {
    await allocating(gpu.device, 'the weights', () => {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
      for (const { label, elements, format } of weights) {
        buffers.push(gpu.memory.create(label, elements * ELEMENT_BYTES[format], usage))
      }
    })
    const converted = convertedInt8(weights, tensors)
    // A file of its own: few checkpoints are int8, and f32 leaves them so.
    const scales =
      converted.size > 0 &&
      (await import('./scales.js').then(({ readScales }) => readScales(checkpoint, converted, options)))
    const destinations = route(weights, buffers, tensors, scales || new Map())
    const uploader = await Uploader.open(gpu, [...destinations.values()])
    try {
      await checkpoint.stream(
        destinations.keys(),
        (chunk) => uploader.write(chunk, destinations.get(chunk.tensor), options.signal),
        options,
      )
      await uploader.finish([...destinations.keys()], checkpoint)
    } finally {
      uploader.dispose()
    }
    return buffers
  } catch (error) {
    for (const buffer of buffers) gpu.memory.destroy(buffer)
    throw error
  }
}

function route(
  weights: readonly PlannedWeight[],
  buffers: readonly GPUBuffer[],
  tensors: ReadonlyMap<string, TensorInfo>,
  scales: ReadonlyMap<TensorInfo, Scales>,
): Map<TensorInfo, Destination> {
  const destinations = new Map<TensorInfo, Destination>()
  for (const [index, weight] of weights.entries()) {
    let start = 0
    for (const { name, shape } of weight.parts) {
      const tensor = tensors.get(name)
      const from = tensor && weightFormat(tensor.dtype)
      const buffer = buffers[index]
      if (!tensor || !from || !buffer) throw new SovitError('TENSOR_MISSING', `The checkpoint lacks '${name}'.`)
      destinations.set(tensor, {
        buffer,
        start,
        from,
        to: weight.format,
        part: destinations.size,
        scales: scales.get(tensor),
      })
      start += shape.reduce((product, size) => product * size, 1)
    }
  }
  return destinations
}

/** Matrices of int8 that the plan wants in another form, each with its scales. */
function convertedInt8(
  weights: readonly PlannedWeight[],
  tensors: ReadonlyMap<string, TensorInfo>,
): ReadonlyMap<TensorInfo, TensorInfo> {
  const found = new Map<TensorInfo, TensorInfo>()
  for (const { name } of weights.flatMap(({ format, parts }) => (format === 'i8' ? [] : parts))) {
    const [tensor, scale] = [tensors.get(name), tensors.get(scaleName(name))]
    if (tensor?.dtype === 'I8' && scale) found.set(tensor, scale)
  }
  return found
}

/** Writes chunks into their buffers, directly or through a conversion on the GPU, which looks at every value. */
class Uploader {
  readonly #gpu: Gpu
  readonly #kernels: readonly { from: WeightFormat; to: WeightFormat; kernel: Kernel }[]
  readonly #pipelines: ReadonlyMap<Kernel, Pipeline>
  readonly #staging: GPUBuffer
  readonly #size: GPUBuffer
  readonly #status: GPUBuffer
  #ahead = 0

  static async open(gpu: Gpu, destinations: readonly Destination[]): Promise<Uploader> {
    const kernels: { from: WeightFormat; to: WeightFormat; kernel: Kernel }[] = []
    for (const { from, to } of destinations) {
      if (kernels.some((entry) => entry.from === from && entry.to === to)) continue
      if (from === to) kernels.push({ from, to, kernel: finite(from) })
      else if (to === 'f32' || to === 'f16') kernels.push({ from, to, kernel: convert(from, to) })
    }
    const pipelines = await compile(
      gpu.device,
      kernels.map(({ kernel }) => kernel),
    )
    return new Uploader(gpu, kernels, pipelines, destinations.length)
  }

  private constructor(
    gpu: Gpu,
    kernels: readonly { from: WeightFormat; to: WeightFormat; kernel: Kernel }[],
    pipelines: ReadonlyMap<Kernel, Pipeline>,
    parts: number,
  ) {
    this.#gpu = gpu
    this.#kernels = kernels
    this.#pipelines = pipelines
    const { STORAGE, UNIFORM, COPY_DST, COPY_SRC } = GPUBufferUsage
    this.#staging = gpu.memory.create('upload staging', STAGING_BYTES, STORAGE | COPY_DST)
    this.#size = gpu.memory.create('upload size', 16, UNIFORM | COPY_DST)
    this.#status = gpu.memory.create('upload status', parts * 4, STORAGE | COPY_SRC)
  }

  async write(chunk: TensorChunk, to: Destination | undefined, signal?: AbortSignal): Promise<void> {
    if (!to) return
    // WebGPU takes no shared memory; only a caller's own bytes could lie in it.
    const bytes =
      chunk.bytes.buffer instanceof ArrayBuffer ? (chunk.bytes as Uint8Array<ArrayBuffer>) : chunk.bytes.slice()
    if (to.from === to.to) this.#copy(bytes, chunk.offset, to)
    else {
      const most = to.scales ? STAGING_BYTES / 4 : STAGING_BYTES // scales take at most as much again
      for (let begin = 0; begin < bytes.length; begin += most) {
        this.#convert(bytes.subarray(begin, begin + most), chunk.offset + begin, to)
      }
    }
    this.#ahead += bytes.length
    if (this.#ahead < AHEAD_BYTES) return
    await this.#gpu.device.queue.onSubmittedWorkDone()
    this.#ahead = 0
    this.#gpu.check()
    throwIfAborted(signal, 'The load')
  }

  /** As stored, and looked at where it lies. */
  #copy(bytes: Uint8Array<ArrayBuffer>, offset: number, to: Destination): void {
    const begin = to.start * ELEMENT_BYTES[to.to] + offset
    this.#gpu.device.queue.writeBuffer(to.buffer, begin, bytes)
    if (to.from === 'i8') return // has no NaN
    const words = bytes.length / 4
    this.#run(to, { weights: to.buffer }, [words, begin / 4, to.part, 0], words)
  }

  /** One queue keeps the order: the staging buffer is read before the next chunk overwrites it. */
  #convert(bytes: Uint8Array<ArrayBuffer>, offset: number, to: Destination): void {
    const { queue } = this.#gpu.device
    const elements = bytes.length / ELEMENT_BYTES[to.from]
    const first = to.start + offset / ELEMENT_BYTES[to.from]
    queue.writeBuffer(this.#staging, 0, bytes)
    if (to.scales) queue.writeBuffer(this.#staging, Math.ceil(elements / 4) * 4, to.scales.behind(offset, elements))
    this.#run(to, { source: this.#staging, result: to.buffer }, [elements, first, to.part, 0], elements)
  }

  /** Submits the kernel that a destination's bytes need. */
  #run({ from, to }: Destination, own: Readonly<Record<string, GPUBuffer>>, size: readonly number[], E: number): void {
    const { device } = this.#gpu
    const kernel = this.#kernels.find((entry) => entry.from === from && entry.to === to)?.kernel
    const compiled = kernel && this.#pipelines.get(kernel)
    if (!compiled) throw new SovitError('TENSOR_DTYPE', `There is no conversion from ${from} to ${to}.`)
    device.queue.writeBuffer(this.#size, 0, new Uint32Array(size))
    const buffers: Readonly<Record<string, GPUBuffer>> = { ...own, status: this.#status, size: this.#size }
    const entries = kernel.bindings.map(({ name }, binding) => {
      const buffer = buffers[name]
      if (!buffer) throw new SovitError('SHADER', `Kernel '${kernel.name}' binds '${name}', which the upload lacks.`)
      return { binding, resource: { buffer } }
    })
    const label = kernel.name
    const encoder = device.createCommandEncoder({ label })
    const pass = encoder.beginComputePass({ label })
    pass.setPipeline(compiled.pipeline)
    pass.setBindGroup(0, device.createBindGroup({ label, layout: compiled.layout, entries }))
    pass.dispatchWorkgroups(...kernel.workgroups({ E }))
    pass.end()
    device.queue.submit([encoder.finish()])
  }

  /** Waits for all writes; throws for the first tensor that holds NaN, infinity, or what does not fit 16 bits. */
  async finish(tensors: readonly TensorInfo[], checkpoint: Checkpoint): Promise<void> {
    const { device, memory } = this.#gpu
    const { MAP_READ, COPY_DST } = GPUBufferUsage
    const readback = memory.create('upload status readback', this.#status.size, MAP_READ | COPY_DST)
    try {
      const encoder = device.createCommandEncoder({ label: 'upload status' })
      encoder.copyBufferToBuffer(this.#status, 0, readback, 0, readback.size)
      device.queue.submit([encoder.finish()])
      await readback.mapAsync(GPUMapMode.READ)
      const status = new Uint32Array(readback.getMappedRange())
      const damaged = tensors[status.indexOf(NOT_FINITE)]
      const tooLarge = tensors[status.indexOf(NOT_F16)]
      if (damaged) {
        // Other bytes may come next time; these never make weights.
        await checkpoint.discard(damaged)
        throw notFinite(damaged, checkpoint)
      }
      if (tooLarge) throw overflow(tooLarge)
    } finally {
      memory.destroy(readback)
    }
    this.#gpu.check()
  }

  dispose(): void {
    for (const buffer of [this.#staging, this.#size, this.#status]) this.#gpu.memory.destroy(buffer)
  }
}

function notFinite({ name, file }: TensorInfo, { source }: Checkpoint): SovitError {
  const what = `Tensor '${name}' of ${file} holds NaN or infinity, which no tower can compute with`
  return new SovitError('BAD_WEIGHTS', `${what}. Load ${source} again; if it stays so, its file is damaged.`)
}

function overflow({ name }: TensorInfo): SovitError {
  const what = `Tensor '${name}' holds a value beyond ±65504, which f16 cannot hold`
  return new SovitError('F16_OVERFLOW', `${what}. Use precision f32.`)
}
