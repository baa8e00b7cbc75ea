import { SovitError, throwIfAborted } from '../errors.js'
import type { WeightFormat } from '../graph/weights.js'
import type { Gpu } from '../gpu/device.js'
import { boundTo, ELEMENT_BYTES, type Kernel } from '../gpu/kernel.js'
import { convert } from '../gpu/kernels/convert.js'
import { finite } from '../gpu/kernels/finite.js'
import { BINDING_ALIGNMENT } from '../gpu/memory.js'
import { compile, type Pipeline } from '../gpu/pipeline.js'
import type * as Processor from './on-processor.js'
import type { TensorChunk, TensorInfo } from './types.js'
import { UploadRing } from './upload-ring.js'
import { bindingOf, type Destination, type Part } from './weight-buffers.js'

/** Raw bytes that are converted on the GPU at once. */
const STAGING_BYTES = 8 << 20
/** Weights that lie as they were stored are looked at by so many bytes: while others come, not all at the end. */
const LOOK_BYTES = 16 << 20
/** Distance of the sizes of two dispatches in one buffer: `minUniformBufferOffsetAlignment` of every device. */
const SIZE_STRIDE = 256

/** What the kernels leave in `status` of a tensor (shaders/convert.wgsl, finite.wgsl). */
const NOT_F16 = 1
const NOT_FINITE = 2

/** What is wrong with the weights, once they are on the device. */
export interface Findings {
  /** The first tensor that holds NaN or infinity. */
  readonly notFinite: TensorInfo | undefined
  /** The first that holds what is beyond f16, where f16 it must be. */
  readonly notF16: TensorInfo | undefined
}

/** The kernel that a destination's bytes need: one that converts them, or one that looks at them where they lie. */
interface Conversion {
  readonly from: WeightFormat
  readonly to: WeightFormat
  readonly kernel: Kernel
}

/** A part of a tensor on the device that can be bound. */
interface Window {
  readonly to: Destination
  readonly offset: number
  readonly size: number
  /** Words of it that are the tensor's, and the first of them. */
  readonly words: number
  readonly first: number
}

/** Of what lies there as it was stored: converted values were looked at, and int8 has no NaN. */
function windowsOf(to: Destination, most: number): readonly Window[] {
  if (to.from !== to.to || to.from === 'i8') return []
  const step = Math.floor(most / BINDING_ALIGNMENT) * BINDING_ALIGNMENT
  const windows: Window[] = []
  const begin = to.place.offset + to.start * ELEMENT_BYTES[to.to]
  const end = begin + to.tensor.end - to.tensor.begin
  for (let at = begin; at < end;) {
    const offset = Math.floor(at / BINDING_ALIGNMENT) * BINDING_ALIGNMENT
    const next = Math.min(end, offset + step)
    windows.push({ to, offset, size: next - offset, first: (at - offset) / 4, words: (next - at) / 4 })
    at = next
  }
  return windows
}

/** Writes chunks into their buffers, directly or through a conversion on the GPU, which also looks at every value. */
export class Uploader {
  readonly #gpu: Gpu
  readonly #conversions: readonly Conversion[]
  readonly #pipelines: ReadonlyMap<Kernel, Pipeline>
  readonly #staging: GPUBuffer
  /** Of the conversion at hand. */
  readonly #size: GPUBuffer
  readonly #status: GPUBuffer
  readonly #ring: UploadRing
  /** Written, and not looked at yet. */
  #unseen: Window[] = []
  readonly #processor: typeof Processor | null
  /** Of what the processor looked at: the first tensor that is not finite. */
  #notFinite: TensorInfo | undefined

  /** `parts`: all that will be written. */
  static async open(gpu: Gpu, parts: readonly Part[]): Promise<Uploader> {
    // A file of its own, as GPUs do without.
    const processor = gpu.info.software ? await import('./on-processor.js') : null
    const conversions: Conversion[] = []
    for (const { from, to } of parts) {
      if (processor?.isForProcessor(from, to)) continue
      if (conversions.some((entry) => entry.from === from && entry.to === to)) continue
      if (from === to) {
        if (from !== 'i8') conversions.push({ from, to, kernel: finite(from) })
      } else if (to === 'f32' || to === 'f16') conversions.push({ from, to, kernel: convert(from, to) })
    }
    const kernels = conversions.map(({ kernel }) => kernel)
    return new Uploader(gpu, processor, conversions, await compile(gpu.device, kernels), parts.length)
  }

  private constructor(
    gpu: Gpu,
    processor: typeof Processor | null,
    conversions: readonly Conversion[],
    pipelines: ReadonlyMap<Kernel, Pipeline>,
    tensors: number,
  ) {
    this.#gpu = gpu
    this.#processor = processor
    this.#conversions = conversions
    this.#pipelines = pipelines
    const { STORAGE, UNIFORM, COPY_DST, COPY_SRC } = GPUBufferUsage
    const staging = conversions.some(({ from, to }) => from !== to) ? STAGING_BYTES : 16
    this.#staging = gpu.memory.create('upload staging', staging, STORAGE | COPY_DST)
    this.#size = gpu.memory.create('upload size', 16, UNIFORM | COPY_DST)
    this.#status = gpu.memory.create('upload status', tensors * 4, STORAGE | COPY_SRC)
    this.#ring = new UploadRing(gpu)
  }

  /** Resolves when the device is not far behind. */
  async write(chunk: TensorChunk, to: Destination | undefined, signal?: AbortSignal): Promise<void> {
    if (!to) return
    if (this.#processor?.isForProcessor(to.from, to.to)) {
      if (!(await this.#processor.writeReady(this.#ring, chunk, to))) this.#notFinite ??= chunk.tensor
    } else if (to.from === to.to) {
      const { buffer, offset } = bindingOf(to.place)
      await this.#ring.write(chunk.bytes, buffer, offset + to.start * ELEMENT_BYTES[to.to] + chunk.offset)
      this.#written(to, chunk.offset + chunk.bytes.length)
    } else {
      const most = to.scales ? STAGING_BYTES / 4 : STAGING_BYTES // scales take at most as much again
      for (let begin = 0; begin < chunk.bytes.length; begin += most) {
        await this.#convert(chunk.bytes.subarray(begin, begin + most), chunk.offset + begin, to)
      }
    }
    this.#gpu.check()
    throwIfAborted(signal, 'The load')
  }

  #written(to: Destination, bytes: number): void {
    if (bytes < to.tensor.end - to.tensor.begin) return
    this.#unseen.push(...windowsOf(to, this.#gpu.device.limits.maxStorageBufferBindingSize))
    if (this.#unseen.reduce((sum, { size }) => sum + size, 0) >= LOOK_BYTES) this.#look()
  }

  /** One queue keeps the order: the staging buffer is read before the next chunk overwrites it. */
  async #convert(bytes: Uint8Array, offset: number, to: Destination): Promise<void> {
    const { device } = this.#gpu
    const elements = bytes.length / ELEMENT_BYTES[to.from]
    // Bound where it goes, as the whole may be more than a binding holds.
    const target = ELEMENT_BYTES[to.to]
    const first = to.start + offset / ELEMENT_BYTES[to.from]
    const from = Math.floor((first * target) / BINDING_ALIGNMENT) * BINDING_ALIGNMENT
    const size = Math.min(Math.ceil(((first + elements) * target) / 4) * 4, to.place.size) - from
    const result = { buffer: bindingOf(to.place).buffer, offset: to.place.offset + from, size }
    await this.#ring.write(bytes, this.#staging, 0)
    if (to.scales)
      device.queue.writeBuffer(this.#staging, Math.ceil(elements / 4) * 4, to.scales.behind(offset, elements))
    device.queue.writeBuffer(this.#size, 0, new Uint32Array([elements, first - from / target, to.part, 0]))
    const encoder = device.createCommandEncoder({ label: 'convert' })
    const pass = encoder.beginComputePass({ label: 'convert' })
    this.#dispatch(pass, to, { source: { buffer: this.#staging }, result, size: { buffer: this.#size } }, elements)
    pass.end()
    device.queue.submit([encoder.finish()])
  }

  #dispatch(
    pass: GPUComputePassEncoder,
    { from, to }: Destination,
    own: Readonly<Record<string, GPUBufferBinding>>,
    E: number,
  ): void {
    const kernel = this.#conversions.find((entry) => entry.from === from && entry.to === to)?.kernel
    const compiled = kernel && this.#pipelines.get(kernel)
    if (!compiled) throw new SovitError('TENSOR_DTYPE', `There is no conversion from ${from} to ${to}.`)
    const all = { ...own, status: { buffer: this.#status } }
    const entries = boundTo<GPUBufferBinding>(kernel, all).map((resource, binding) => ({ binding, resource }))
    pass.setPipeline(compiled.pipeline)
    pass.setBindGroup(0, this.#gpu.device.createBindGroup({ label: kernel.name, layout: compiled.layout, entries }))
    pass.dispatchWorkgroups(...kernel.workgroups({ E }))
  }

  /** Waits for all writes, and tells what is wrong with what was written: `tensors`, by the numbers of their parts. */
  async finish(tensors: readonly TensorInfo[]): Promise<Findings> {
    const { device, memory } = this.#gpu
    const { MAP_READ, COPY_DST } = GPUBufferUsage
    this.#look()
    const readback = memory.create('upload status readback', this.#status.size, MAP_READ | COPY_DST)
    try {
      const encoder = device.createCommandEncoder({ label: 'upload status' })
      encoder.copyBufferToBuffer(this.#status, 0, readback, 0, readback.size)
      device.queue.submit([encoder.finish()])
      await readback.mapAsync(GPUMapMode.READ)
      const status = new Uint32Array(readback.getMappedRange())
      const first = (finding: number) => tensors[status.indexOf(finding)]
      const findings = { notFinite: this.#notFinite ?? first(NOT_FINITE), notF16: first(NOT_F16) }
      this.#gpu.check()
      return findings
    } finally {
      memory.destroy(readback)
    }
  }

  #look(): void {
    const { device, memory } = this.#gpu
    const windows = this.#unseen.splice(0)
    if (windows.length === 0) return
    const { UNIFORM, COPY_DST } = GPUBufferUsage
    const sizes = memory.create('upload windows', windows.length * SIZE_STRIDE, UNIFORM | COPY_DST)
    const all = new Uint32Array((windows.length * SIZE_STRIDE) / 4)
    const encoder = device.createCommandEncoder({ label: 'finite' })
    const pass = encoder.beginComputePass({ label: 'finite' })
    windows.forEach(({ to, offset, size, words, first }, i) => {
      all.set([words, first, to.part], (i * SIZE_STRIDE) / 4)
      const weights = { buffer: bindingOf(to.place).buffer, offset, size }
      this.#dispatch(pass, to, { weights, size: { buffer: sizes, offset: i * SIZE_STRIDE, size: 16 } }, words)
    })
    pass.end()
    device.queue.writeBuffer(sizes, 0, all)
    device.queue.submit([encoder.finish()])
    memory.destroy(sizes) // when the device is done with it (WebGPU, 5.2.3)
  }

  dispose(): void {
    this.#ring.dispose()
    for (const buffer of [this.#staging, this.#size, this.#status]) this.#gpu.memory.destroy(buffer)
  }
}
