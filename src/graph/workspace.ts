import { SovitError } from '../errors.js'
import type { Gpu } from '../gpu/device.js'
import type { Kernel, RunSizes } from '../gpu/kernel.js'
import { allocating } from '../gpu/memory.js'
import type { Pipeline } from '../gpu/pipeline.js'
import type { Value } from '../model/network.js'
import type { BatchTables } from './batch.js'
import type { Operand, Plan, Step } from './plan.js'
import { countRows } from './shapes.js'

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

/** Room for a batch: P patches, V pixel values, G groups, and bytes of each table. */
interface Capacity {
  readonly P: number
  readonly V: number
  readonly G: number
  readonly tables: readonly number[]
}

const WORD = 4
const NOTHING: Capacity = { P: 0, V: 0, G: 0, tables: [] }

/**
 * The buffers that depend on how large a batch is, and the bind groups over them. They grow to the largest batch seen
 * and stay: a batch that fits allocates nothing.
 */
export class Workspace {
  readonly #gpu: Gpu
  readonly #plan: Plan
  readonly #pipelines: ReadonlyMap<Kernel, Pipeline>
  readonly #weights: readonly GPUBufferBinding[]
  #capacity: Capacity = NOTHING
  #slots: readonly GPUBuffer[] = []
  #tables: readonly GPUBuffer[] = []
  #steps: readonly BoundStep[] = []

  constructor(gpu: Gpu, plan: Plan, pipelines: ReadonlyMap<Kernel, Pipeline>, weights: readonly GPUBufferBinding[]) {
    this.#gpu = gpu
    this.#plan = plan
    this.#pipelines = pipelines
    this.#weights = weights
  }

  /** All steps for the sizes of a batch that fits. */
  dispatches(batch: BatchTables): readonly Dispatch[] {
    const { steps } = this.#plan
    return this.#steps.map((step, i) => {
      const run = runOf(steps[i], batch)
      return { ...step, workgroups: step.kernel.workgroups(run), flops: step.kernel.flops(run) }
    })
  }

  /** Most rows, and most pixel values, of one batch that this device's limits allow. */
  get limits(): { readonly rows: number; readonly values: number } {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#gpu.device.limits
    const bytes = Math.min(maxStorageBufferBindingSize, maxBufferSize)
    const widest = Math.max(...this.#plan.arena.slots.map((slot) => (slot.per === 'patch' ? slot.bytes : 0)))
    return { rows: Math.floor(bytes / widest), values: Math.floor(bytes / WORD) }
  }

  /**
   * Makes room for a batch; says whether everything is new, and empty. On failure everything is freed, and a smaller
   * batch may be tried.
   */
  async reserve({ run, tables }: BatchTables): Promise<boolean> {
    const { P, V, G, tables: bytes } = this.#capacity
    const fits = run.P <= P && run.V <= V && run.G <= G
    if (fits && tables.every(({ byteLength }, i) => byteLength <= (bytes[i] ?? 0))) return false
    const grown = {
      P: Math.max(run.P, P),
      V: Math.max(run.V, V),
      G: Math.max(run.G, G),
      tables: tables.map(({ byteLength }, i) => Math.max(byteLength, bytes[i] ?? 0)),
    }
    this.free()
    try {
      await allocating(this.#gpu.device, `a batch of ${grown.P} patches`, () => {
        this.#allocate(grown)
        this.#steps = this.#plan.steps.map((step) => this.#bind(step))
      })
    } catch (error) {
      this.free()
      throw error
    }
    this.#capacity = grown
    return true
  }

  /** The tables of a batch; its pixels are written for themselves. */
  write({ tables }: BatchTables): void {
    tables.forEach((data, i) => {
      if (data.length > 0) this.#gpu.device.queue.writeBuffer(this.#table(i), 0, data.buffer)
    })
  }

  /** The buffer of the pixels. It lives until the next `reserve`. */
  get pixels(): GPUBuffer {
    return this.#table(this.#plan.tables.findIndex(({ kind }) => kind === 'pixels'))
  }

  /** The buffer in which a value lives, from the step that makes it to its last use. */
  buffer(value: Value): GPUBuffer {
    const buffer = this.#slots[this.#plan.arena.slotOf.get(value) ?? -1]
    if (!buffer) throw new SovitError('BAD_CONFIG', `'${value}' has no place in the arena.`)
    return buffer
  }

  free(): void {
    for (const buffer of [...this.#slots, ...this.#tables]) this.#gpu.memory.destroy(buffer)
    this.#slots = []
    this.#tables = []
    this.#steps = []
    this.#capacity = NOTHING
  }

  #allocate({ P, V, G, tables }: Capacity): void {
    const { memory } = this.#gpu
    const { STORAGE, UNIFORM, COPY_DST, COPY_SRC } = GPUBufferUsage
    this.#slots = this.#plan.arena.slots.map(({ per, bytes }, slot) => {
      const size = countRows({ per, times: bytes }, P, G)
      return memory.create(`arena.${slot}`, size, STORAGE | COPY_DST | COPY_SRC)
    })
    this.#tables = this.#plan.tables.map(({ kind }, i) => {
      const size = kind === 'pixels' ? V * WORD : (tables[i] ?? 0)
      return memory.create(kind, size, (kind === 'size' ? UNIFORM : STORAGE) | COPY_DST)
    })
  }

  #bind({ label, kernel, operands }: Step): BoundStep {
    const compiled = this.#pipelines.get(kernel)
    if (!compiled) throw new SovitError('SHADER', `Kernel '${kernel.name}' was not compiled.`)
    const entries = operands.map((operand, binding) => ({ binding, resource: this.#operand(operand) }))
    const group = this.#gpu.device.createBindGroup({ label, layout: compiled.layout, entries })
    return { label, kernel, pipeline: compiled.pipeline, group }
  }

  #operand(operand: Operand): GPUBufferBinding {
    switch (operand.kind) {
      case 'value':
        return { buffer: this.buffer(operand.value), offset: operand.from ?? 0 }
      case 'table':
        return { buffer: this.#table(operand.index) }
      case 'weight': {
        const place = this.#weights[operand.index]
        if (!place) throw new SovitError('BAD_CONFIG', `Weight ${operand.index} was not uploaded.`)
        const { buffer, offset = 0, size = buffer.size - offset } = place
        const { from = 0, size: part = size - from } = operand
        return { buffer, offset: offset + from, size: part }
      }
    }
  }

  #table(index: number): GPUBuffer {
    const buffer = this.#tables[index]
    if (!buffer) throw new SovitError('BAD_CONFIG', 'The workspace was not reserved.')
    return buffer
  }
}

/** A batch's sizes as the kernel of a step calls them. */
function runOf(step: Step | undefined, { run: { P, V, G }, tables }: BatchTables): RunSizes {
  if (!step) return {}
  const rows = { P: countRows(step.rows, P, G), V, B: G }
  if (step.kernel.queryTile === undefined) return rows
  const place = step.kernel.bindings.findIndex(({ name }) => name === 'tiles')
  const operand = step.operands[place]
  const tiles = (operand?.kind === 'table' ? tables[operand.index] : undefined) ?? []
  let A = 0
  for (let t = 0; t < tiles.length; t += 4) A += (tiles[t + 1] ?? 0) * (tiles[t + 3] ?? 0)
  return { ...rows, T: tiles.length / 4, A }
}
