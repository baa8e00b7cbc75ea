import type { Gpu } from '../gpu/device.js'

/** Bytes that are on their way at once: `SLOTS` buffers of `SLOT_BYTES`. */
const SLOTS = 3
const SLOT_BYTES = 2 << 20
/** What is smaller waits for no buffer: norms and biases, a megabyte of a tower. */
const SMALL_BYTES = 1 << 16

interface Slot {
  readonly buffer: GPUBuffer
  /** When the device has copied what was in it. */
  mapped: Promise<unknown>
}

/**
 * Writes to buffers of the device through a few mapped ones. `writeBuffer` says nothing of the copies it makes: where it is
 * ahead of a device, drivers and browsers hold up to 6% of a tower's weights more (tests/bench/load, lavapipe and Chromium).
 */
export class UploadRing {
  readonly #gpu: Gpu
  readonly #slotBytes: number
  /** The one that has waited longest is the first. */
  readonly #slots: Slot[] = []

  constructor(gpu: Gpu) {
    this.#gpu = gpu
    this.#slotBytes = Math.min(SLOT_BYTES, gpu.device.limits.maxBufferSize)
  }

  /** Resolves when all is on its way, in the queue's order: `SLOTS` pieces at most are not there yet. */
  async write(bytes: Uint8Array, target: GPUBuffer, offset: number): Promise<void> {
    const { device } = this.#gpu
    if (bytes.length < SMALL_BYTES) {
      // A copy, as WebGPU takes no shared memory, in which a caller's own bytes could lie.
      device.queue.writeBuffer(target, offset, bytes.slice())
      return
    }
    for (let at = 0; at < bytes.length; at += this.#slotBytes) {
      const piece = bytes.subarray(at, at + this.#slotBytes)
      const slot = this.#next()
      await slot.mapped.catch((error: unknown) => {
        this.#gpu.check() // of a lost device, which has a name of its own
        throw error
      })
      new Uint8Array(slot.buffer.getMappedRange(0, piece.length)).set(piece)
      slot.buffer.unmap()
      const encoder = device.createCommandEncoder({ label: 'upload' })
      encoder.copyBufferToBuffer(slot.buffer, 0, target, offset + at, piece.length)
      device.queue.submit([encoder.finish()])
      slot.mapped = mapping(slot.buffer)
    }
  }

  #next(): Slot {
    const oldest = this.#slots.length < SLOTS ? undefined : this.#slots.shift()
    const slot = oldest ?? this.#make()
    this.#slots.push(slot)
    return slot
  }

  #make(): Slot {
    const { MAP_WRITE, COPY_SRC } = GPUBufferUsage
    const buffer = this.#gpu.memory.create('upload ring', this.#slotBytes, MAP_WRITE | COPY_SRC)
    return { buffer, mapped: mapping(buffer) }
  }

  dispose(): void {
    for (const { buffer } of this.#slots) this.#gpu.memory.destroy(buffer)
  }
}

/** A failure is heard of when the buffer is wanted again, or never. */
function mapping(buffer: GPUBuffer): Promise<unknown> {
  const mapped = buffer.mapAsync(GPUMapMode.WRITE)
  mapped.catch(() => undefined)
  return mapped
}
