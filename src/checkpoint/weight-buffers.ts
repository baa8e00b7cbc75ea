import type { Gpu } from '../gpu/device.js'
import { allocating, BINDING_ALIGNMENT } from '../gpu/memory.js'
import { weightBytes, type PlannedWeight } from '../graph/weights.js'

/**
 * Weights lie in buffers of up to this size, or of their own where they are larger. Of larger buffers, software devices
 * commit all when the first bytes arrive.
 */
const BUFFER_BYTES = 16 << 20

/**
 * Room for weights, side by side in few buffers: allocators round small ones up to a power of two (Dawn,
 * BuddyMemoryAllocator.cpp), which was 5% of all weights.
 */
export class WeightBuffers {
  /** Of each weight, in their order. */
  readonly places: readonly Place[]
  readonly #rooms: readonly Room[]

  constructor(gpu: Gpu, weights: readonly PlannedWeight[]) {
    const most = Math.min(BUFFER_BYTES, gpu.device.limits.maxBufferSize)
    const rooms: Room[] = []
    this.places = weights.map((weight) => {
      const size = weightBytes(weight)
      let room = rooms.at(-1)
      if (!room?.fits(size, most)) rooms.push((room = new Room(gpu, weight.label)))
      return room.place(size)
    })
    this.#rooms = rooms
  }

  /** @throws SovitError `OUT_OF_MEMORY`, `LIMIT` */
  async makeAll(): Promise<void> {
    await Promise.all(this.#rooms.map((room) => room.make()))
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#rooms.map((room) => room.dispose()))
  }
}

/** Where a weight lies, or will. */
export class Place implements GPUBufferBinding {
  readonly #room: Room
  readonly offset: number
  readonly size: number

  constructor(room: Room, offset: number, size: number) {
    this.#room = room
    this.offset = offset
    this.size = size
  }

  /** Once it was made. */
  get buffer(): GPUBuffer {
    return this.#room.buffer
  }

  /** @throws SovitError `OUT_OF_MEMORY`, `LIMIT` */
  make(): Promise<unknown> {
    return this.#room.make()
  }
}

/** One buffer. */
class Room {
  readonly #gpu: Gpu
  readonly #label: string
  #bytes = 0
  #making: Promise<unknown> | undefined
  #buffer: GPUBuffer | undefined

  constructor(gpu: Gpu, label: string) {
    this.#gpu = gpu
    this.#label = label
  }

  get buffer(): GPUBuffer {
    if (!this.#buffer) throw new Error(`no room was made for '${this.#label}'`)
    return this.#buffer
  }

  fits(size: number, most: number): boolean {
    return this.#end + size <= most
  }

  place(size: number): Place {
    const offset = this.#end
    this.#bytes = offset + size
    return new Place(this, offset, size)
  }

  /** Where the next weight begins. */
  get #end(): number {
    return Math.ceil(this.#bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT
  }

  make(): Promise<unknown> {
    const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage
    const { device, memory } = this.#gpu
    this.#making ??= allocating(device, 'the weights', () => {
      this.#buffer = memory.create(this.#label, this.#bytes, STORAGE | COPY_DST | COPY_SRC)
    })
    return this.#making
  }

  async dispose(): Promise<void> {
    await this.#making?.catch(() => undefined)
    if (this.#buffer) this.#gpu.memory.destroy(this.#buffer)
  }
}
