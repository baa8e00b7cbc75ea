import { bindingBytes, type Binding, type Kernel, type RunSizes } from '../gpu/kernel.js'
import { compile } from '../gpu/pipeline.js'
import { repeat, type Budget, type Timing } from './statistics.js'
import { uniform } from './synthetic.js'

/** Contents of buffers that must not be noise, by the binding's name. */
export type BufferData = Readonly<Record<string, Uint32Array | Float32Array>>

/** Which clock: the device's own, or the page's around a submit. */
export type Clock = 'gpu' | 'wall'

/** A pass lasts at least so long: browsers round timestamps to some 0.1 ms, and a submit costs as much. */
const PASS_MS = 10
const MOST_DISPATCHES = 500

/** Times kernels one by one on noise; by the device's clock where it has one. */
export class KernelTimer {
  readonly clock: Clock
  readonly #device: GPUDevice
  readonly #budget: Budget

  constructor(device: GPUDevice, budget: Budget) {
    this.#device = device
    this.#budget = budget
    this.clock = device.features.has('timestamp-query') ? 'gpu' : 'wall'
  }

  /**
   * Milliseconds of one dispatch. Short kernels are dispatched many times in one pass, and the pass is divided.
   *
   * @throws SovitError `LIMIT`, `SHADER` for a kernel that this device does not take
   */
  async time(kernel: Kernel, run: RunSizes, data: BufferData = {}): Promise<Timing> {
    const compiled = (await compile(this.#device, [kernel])).get(kernel)
    if (!compiled) throw new Error(`'${kernel.name}' was not compiled`)
    const buffers = kernel.bindings.map((binding) => this.#buffer(binding, kernel, run, data[binding.name]))
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
    const group = this.#device.createBindGroup({ layout: compiled.layout, entries })
    const dispatch = (count: number, grid = kernel.workgroups(run)) =>
      this.#pass((pass) => {
        pass.setPipeline(compiled.pipeline)
        pass.setBindGroup(0, group)
        for (let i = 0; i < count; i++) pass.dispatchWorkgroups(...grid)
      })
    try {
      await dispatch(1, [1, 1, 1]) // software devices compile at the first dispatch
      return await this.#repeat(dispatch)
    } finally {
      for (const buffer of buffers) buffer.destroy()
    }
  }

  /** Milliseconds of one copy of `bytes` from buffer to buffer, by the page's clock. */
  async copy(bytes: number): Promise<Timing> {
    const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const [from, to] = [0, 1].map(() => this.#device.createBuffer({ size: bytes, usage }))
    if (!from || !to) throw new Error('There must be two buffers.')
    const copies = async (count: number): Promise<number> => {
      const encoder = this.#device.createCommandEncoder()
      for (let i = 0; i < count; i++) encoder.copyBufferToBuffer(from, 0, to, 0, bytes)
      return this.#submit(encoder)
    }
    try {
      await copies(1)
      return await this.#repeat(copies)
    } finally {
      from.destroy()
      to.destroy()
    }
  }

  /** Milliseconds of one piece of work, which `measure` does `count` times over. */
  async #repeat(measure: (count: number) => Promise<number>): Promise<Timing> {
    const once = await measure(1)
    if (once >= PASS_MS) return repeat(() => measure(1), this.#budget, [once])
    const count = Math.min(MOST_DISPATCHES, Math.ceil(PASS_MS / once))
    return repeat(async () => (await measure(count)) / count, this.#budget)
  }

  async #pass(record: (pass: GPUComputePassEncoder) => void): Promise<number> {
    const encoder = this.#device.createCommandEncoder()
    if (this.clock === 'wall') {
      const pass = encoder.beginComputePass()
      record(pass)
      pass.end()
      return this.#submit(encoder)
    }
    const querySet = this.#device.createQuerySet({ type: 'timestamp', count: 2 })
    const resolved = this.#device.createBuffer({
      size: 16,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    })
    const readable = this.#device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
    const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }
    const pass = encoder.beginComputePass({ timestampWrites })
    record(pass)
    pass.end()
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0)
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, 16)
    this.#device.queue.submit([encoder.finish()])
    await readable.mapAsync(GPUMapMode.READ)
    const [begin = 0n, end = 0n] = new BigUint64Array(readable.getMappedRange())
    const ms = Number(end - begin) / 1e6
    for (const resource of [querySet, resolved, readable]) resource.destroy()
    return Math.max(ms, 1e-3) // rounded clocks show 0 for what is short
  }

  async #submit(encoder: GPUCommandEncoder): Promise<number> {
    const commands = encoder.finish()
    const start = performance.now()
    this.#device.queue.submit([commands])
    await this.#device.queue.onSubmittedWorkDone()
    return Math.max(performance.now() - start, 1e-3)
  }

  #buffer(binding: Binding, kernel: Kernel, run: RunSizes, data: BufferData[string] | undefined): GPUBuffer {
    const size = bindingBytes(binding, kernel.dims, run)
    const usage = binding.access === 'uniform' ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE
    const descriptor = { label: binding.name, size, usage, mappedAtCreation: binding.access !== 'write' }
    const buffer = this.#device.createBuffer(descriptor)
    if (!descriptor.mappedAtCreation) return buffer
    const words = new Uint32Array(buffer.getMappedRange())
    if (data) words.set(new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4))
    else if (binding.type !== 'u32') fillWithNoise(words, binding.type)
    buffer.unmap()
    return buffer
  }
}

/** Random signs and fractions in [0.25, 0.5): the two exponents that say so, in each format; int8 of any size. */
const NOISE = {
  f32: [0x807fffff, 0x3e800000],
  f16: [0x83ff83ff, 0x34003400],
  bf16: [0x807f807f, 0x3e803e80],
  i8: [0xffffffff, 0],
} as const

function fillWithNoise(words: Uint32Array, type: keyof typeof NOISE): void {
  const [keep, exponent] = NOISE[type]
  const next = uniform(words.length)
  for (let i = 0; i < words.length; i++) words[i] = ((next() * 2 ** 32) & keep) | exponent
}
