import type { Gpu } from './device.js'
import { bindingBytes, type RunSizes } from './kernel.js'
import type { Pipeline } from './pipeline.js'

/** A kernel on buffers of its own, outside of any network: to be measured or checked. */
export class BoundKernel {
  /** In the order of the kernel's bindings. */
  readonly buffers: readonly GPUBuffer[]
  readonly #gpu: Gpu
  readonly #compiled: Pipeline
  readonly #run: RunSizes
  readonly #group: GPUBindGroup

  /**
   * Buffers hold `contents` by the binding's name, else zeros.
   *
   * @throws SovitError `LIMIT`; then no buffer is left
   */
  constructor(gpu: Gpu, compiled: Pipeline, run: RunSizes, contents: Readonly<Record<string, ArrayBufferView>>) {
    const { kernel, layout } = compiled
    const buffers: GPUBuffer[] = []
    this.#gpu = gpu
    this.#compiled = compiled
    this.#run = run
    this.buffers = buffers
    try {
      for (const binding of kernel.bindings) {
        const { STORAGE, UNIFORM, COPY_DST, COPY_SRC } = GPUBufferUsage
        const usage = (binding.access === 'uniform' ? UNIFORM : STORAGE) | COPY_DST | COPY_SRC
        const buffer = gpu.memory.create(binding.name, bindingBytes(binding, kernel.dims, run), usage)
        buffers.push(buffer)
        const content = contents[binding.name]
        if (content) gpu.device.queue.writeBuffer(buffer, 0, content.buffer, content.byteOffset, content.byteLength)
      }
    } catch (error) {
      this.free()
      throw error
    }
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
    this.#group = gpu.device.createBindGroup({ label: kernel.name, layout, entries })
  }

  /** Records as many dispatches in one pass. */
  record(encoder: GPUCommandEncoder, repeats = 1): void {
    const { kernel, pipeline } = this.#compiled
    const pass = encoder.beginComputePass({ label: kernel.name })
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, this.#group)
    for (let i = 0; i < repeats; i++) pass.dispatchWorkgroups(...kernel.workgroups(this.#run))
    pass.end()
  }

  free(): void {
    for (const buffer of this.buffers) this.#gpu.memory.destroy(buffer)
  }
}
