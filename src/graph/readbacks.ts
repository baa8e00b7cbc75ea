import type { Gpu } from '../gpu/device.js'
import { allocating } from '../gpu/memory.js'

/** Most batches whose results wait to be read: one computes while another is read. */
const MOST = 2

/**
 * The mappable buffers through which results reach the CPU. They grow to the largest result and stay. A stream of
 * batches takes two of them in turn, so that the device need not wait until the CPU has read; a single batch one.
 */
export class Readbacks {
  readonly #gpu: Gpu
  readonly #idle: GPUBuffer[] = []
  /** Readings under way, oldest first. */
  readonly #readings: Promise<void>[] = []

  constructor(gpu: Gpu) {
    this.#gpu = gpu
  }

  /** A buffer of `bytes` or more, for `use` alone until its promise settles. Waits while all are in use. */
  async acquire(bytes: number): Promise<GPUBuffer> {
    while (this.#readings.length >= MOST) await this.#readings[0]
    const kept = this.#idle.pop()
    if (kept && kept.size >= bytes) return kept
    if (kept) this.#gpu.memory.destroy(kept)
    this.#gpu.check()
    return allocating(this.#gpu.device, 'the tokens', () =>
      this.#gpu.memory.create('readback', bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST),
    )
  }

  /** Reads an acquired buffer once the work submitted before is done, and makes it available again. */
  read<T>(buffer: GPUBuffer, bytes: number, take: (mapped: ArrayBuffer) => T): Promise<T> {
    const reading = readBuffer(buffer, bytes, take)
    const over = (): void => {
      void this.#readings.splice(this.#readings.indexOf(settled), 1)
      this.return(buffer)
    }
    const settled = reading.then(over, over)
    this.#readings.push(settled)
    return reading
  }

  /** Gives an acquired buffer back unread. */
  return(buffer: GPUBuffer): void {
    this.#idle.push(buffer)
  }
}

/** Maps `buffer`, hands its bytes to `take` (which copies what it wants), and unmaps it. */
export async function readBuffer<T>(buffer: GPUBuffer, bytes: number, take: (mapped: ArrayBuffer) => T): Promise<T> {
  await buffer.mapAsync(GPUMapMode.READ, 0, bytes)
  try {
    return take(buffer.getMappedRange(0, bytes))
  } finally {
    buffer.unmap()
  }
}
