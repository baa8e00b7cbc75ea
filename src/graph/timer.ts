import type { Gpu } from '../gpu/device.js'
import { readBuffer } from './readbacks.js'

const STAMP_BYTES = 8

/**
 * Times compute passes on the device. Timestamps exist at the edges of passes only (WebGPU §17.1), and browsers round
 * them to some 65 µs. Needs the feature `timestamp-query`.
 */
export class PassTimer {
  readonly #gpu: Gpu
  readonly #queries: GPUQuerySet
  readonly #resolved: GPUBuffer
  readonly #readback: GPUBuffer
  #passes = 0

  /** @param passes most passes that will be timed */
  constructor(gpu: Gpu, passes: number) {
    this.#gpu = gpu
    const count = 2 * passes
    const bytes = count * STAMP_BYTES
    this.#queries = gpu.device.createQuerySet({ label: 'timer', type: 'timestamp', count })
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage
    this.#resolved = gpu.memory.create('timer', bytes, QUERY_RESOLVE | COPY_SRC)
    this.#readback = gpu.memory.create('timer readback', bytes, COPY_DST | MAP_READ)
  }

  /** For the descriptor of the next pass. */
  next(): GPUComputePassTimestampWrites {
    const first = 2 * this.#passes++
    return { querySet: this.#queries, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 }
  }

  /** Recorded after the last pass. */
  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#passes, this.#resolved, 0)
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, 2 * this.#passes * STAMP_BYTES)
  }

  /** Milliseconds of each pass, in order. */
  async read(): Promise<readonly number[]> {
    return readBuffer(this.#readback, 2 * this.#passes * STAMP_BYTES, (mapped) => {
      const stamps = new BigUint64Array(mapped)
      return Array.from({ length: this.#passes }, (_, i) => {
        return Number((stamps[2 * i + 1] ?? 0n) - (stamps[2 * i] ?? 0n)) / 1e6
      })
    })
  }

  free(): void {
    this.#queries.destroy()
    this.#gpu.memory.destroy(this.#resolved)
    this.#gpu.memory.destroy(this.#readback)
  }
}
