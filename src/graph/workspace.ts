import { SovitError } from '../errors.js'
import type { Gpu } from '../gpu/device.js'
import type { Kernel, RunSizes } from '../gpu/kernel.js'
import { allocating } from '../gpu/memory.js'
import type { Pipeline } from '../gpu/pipeline.js'
import type { Operand, Plan, RunBuffer } from './plan.js'

/** A step with its pipeline and its buffers. */
interface BoundStep {
  readonly label: string
  readonly kernel: Kernel
  readonly pipeline: GPUComputePipeline
  readonly group: GPUBindGroup
}

/** A step ready to be recorded, for the sizes of one batch. */
export interface Dispatch extends BoundStep {
  readonly workgroups: readonly [number, number, number]
  readonly flops: number
}

const WORD = 4

/**
 * The buffers that depend on how large a batch is, and the bind groups over them. They grow to the largest batch seen
 * and stay: a batch that fits allocates nothing.
 */
export class Workspace {
  readonly #gpu: Gpu
  readonly #plan: Plan
  readonly #pipelines: ReadonlyMap<Kernel, Pipeline>
  readonly #weights: readonly GPUBufferBinding[]
  #capacity: RunSizes = { P: 0, V: 0, T: 0 }
  #slots: readonly GPUBuffer[] = []
  #run: Readonly<Record<RunBuffer, GPUBuffer>> | null = null
  #steps: readonly BoundStep[] = []

  constructor(gpu: Gpu, plan: Plan, pipelines: ReadonlyMap<Kernel, Pipeline>, weights: readonly GPUBufferBinding[]) {
    this.#gpu = gpu
    this.#plan = plan
    this.#pipelines = pipelines
    this.#weights = weights
  }

  /** All steps for the sizes of a batch that fits. */
  dispatches(run: RunSizes): readonly Dispatch[] {
    return this.#steps.map((step) => {
      return { ...step, workgroups: step.kernel.workgroups(run), flops: step.kernel.flops(run) }
    })
  }

  /** Most rows, and most pixel values, of one batch that this device's limits allow. */
  get limits(): { readonly rows: number; readonly values: number } {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#gpu.device.limits
    const bytes = Math.min(maxStorageBufferBindingSize, maxBufferSize)
    const widest = Math.max(...this.#plan.arena.slots)
    return { rows: Math.floor(bytes / widest), values: Math.floor(bytes / WORD) }
  }

  /**
   * Makes room for a batch; says whether everything is new, and empty. On failure everything is freed, and a smaller
   * batch may be tried.
   */
  async reserve(run: RunSizes): Promise<boolean> {
    const fits = (['P', 'V', 'T'] as const).every((name) => (run[name] ?? 0) <= (this.#capacity[name] ?? 0))
    if (fits) return false
    const grown = Object.fromEntries(
      Object.entries(run).map(([name, size]) => [name, Math.max(size, this.#capacity[name] ?? 0)]),
    )
    this.free()
    try {
      await allocating(this.#gpu.device, `a batch of ${grown.P} patches`, () => {
        this.#allocate(grown)
        this.#steps = this.#plan.steps.map((step) => this.#bind(step.label, step.kernel, step.operands))
      })
    } catch (error) {
      this.free()
      throw error
    }
    this.#capacity = grown
    return true
  }

  write(name: RunBuffer, data: Uint32Array | Float32Array, offsetBytes = 0): void {
    this.#gpu.device.queue.writeBuffer(this.runBuffer(name), offsetBytes, data.buffer, data.byteOffset, data.byteLength)
  }

  /** The buffer in which a value lives, from the step that makes it to its last use. */
  buffer(value: string): GPUBuffer {
    const buffer = this.#slots[this.#plan.arena.slotOf.get(value) ?? -1]
    if (!buffer) throw new SovitError('BAD_CONFIG', `'${value}' has no place in the arena.`)
    return buffer
  }

  free(): void {
    const run = this.#run ? Object.values(this.#run) : []
    for (const buffer of [...this.#slots, ...run]) this.#gpu.memory.destroy(buffer)
    this.#slots = []
    this.#run = null
    this.#steps = []
    this.#capacity = { P: 0, V: 0, T: 0 }
  }

  #allocate({ P = 0, V = 0, T = 0 }: RunSizes): void {
    const { memory } = this.#gpu
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST
    this.#slots = this.#plan.arena.slots.map((bytesPerRow, slot) =>
      memory.create(`arena.${slot}`, bytesPerRow * P, storage | GPUBufferUsage.COPY_SRC),
    )
    this.#run = {
      pixels: memory.create('pixels', V * WORD, storage),
      patches: memory.create('patches', P * 4 * WORD, storage),
      tiles: memory.create('tiles', T * 4 * WORD, storage),
      size: memory.create('size', 4 * WORD, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST),
    }
  }

  #bind(label: string, kernel: Kernel, operands: readonly Operand[]): BoundStep {
    const compiled = this.#pipelines.get(kernel)
    if (!compiled) throw new SovitError('SHADER', `Kernel '${kernel.name}' was not compiled.`)
    const entries = operands.map((operand, binding) => ({ binding, resource: this.#operand(operand) }))
    const group = this.#gpu.device.createBindGroup({ label, layout: compiled.layout, entries })
    return { label, kernel, pipeline: compiled.pipeline, group }
  }

  #operand(operand: Operand): GPUBufferBinding {
    switch (operand.kind) {
      case 'value':
        return { buffer: this.buffer(operand.value) }
      case 'run':
        return { buffer: this.runBuffer(operand.name) }
      case 'weight': {
        const place = this.#weights[operand.index]
        if (!place) throw new SovitError('BAD_CONFIG', `Weight ${operand.index} was not uploaded.`)
        return place
      }
    }
  }

  /** A buffer of what a batch brings with it. It lives until the next `reserve`. */
  runBuffer(name: RunBuffer): GPUBuffer {
    if (!this.#run) throw new SovitError('BAD_CONFIG', 'The workspace was not reserved.')
    return this.#run[name]
  }
}
