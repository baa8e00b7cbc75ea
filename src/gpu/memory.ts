import { SovitError } from '../errors.js'

/**
 * The buffers of one encoder: every buffer is made and destroyed here, so that their number and bytes are known at any
 * time and one call frees them all.
 */
export class GpuMemory {
  readonly #device: GPUDevice
  readonly #buffers = new Set<GPUBuffer>()
  #bytes = 0

  constructor(device: GPUDevice) {
    this.#device = device
  }

  /** Bytes of all live buffers. */
  get bytes(): number {
    return this.#bytes
  }

  /** Number of live buffers. */
  get count(): number {
    return this.#buffers.size
  }

  /** A new buffer of `size` bytes. Throws `LIMIT` when the device does not allow buffers of that size. */
  create(label: string, size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const { maxBufferSize } = this.#device.limits
    if (size > maxBufferSize) {
      throw new SovitError(
        'LIMIT',
        `'${label}' needs a buffer of ${size} bytes; this device allows ${maxBufferSize}. ` +
          `Use a smaller picture or fewer pictures in one call.`,
      )
    }
    const buffer = this.#device.createBuffer({ label, size, usage })
    this.#buffers.add(buffer)
    this.#bytes += size
    return buffer
  }

  destroy(buffer: GPUBuffer): void {
    if (!this.#buffers.delete(buffer)) return
    this.#bytes -= buffer.size
    buffer.destroy()
  }

  /** Hands a buffer over to the caller, who destroys it. */
  release(buffer: GPUBuffer): void {
    if (this.#buffers.delete(buffer)) this.#bytes -= buffer.size
  }

  destroyAll(): void {
    for (const buffer of [...this.#buffers]) this.destroy(buffer)
  }
}

/**
 * Runs `allocate` inside out-of-memory and validation scopes: WebGPU reports a failed allocation only there, and every
 * later use of the invalid buffer would fail less clearly (WebGPU §22.3). Scopes are a stack shared by the whole
 * device, so they are pushed and popped without an await between.
 */
export async function allocating<T>(device: GPUDevice, what: string, allocate: () => T): Promise<T> {
  device.pushErrorScope('validation')
  device.pushErrorScope('out-of-memory')
  let result: T
  let scopes: Promise<GPUError | null>[]
  try {
    result = allocate()
  } finally {
    scopes = [device.popErrorScope(), device.popErrorScope()]
  }
  const [outOfMemory, invalid] = await Promise.all(scopes)
  if (outOfMemory) {
    throw new SovitError(
      'OUT_OF_MEMORY',
      `The device has no memory for ${what}. Close other pages that use the GPU, or use a smaller picture.`,
      { cause: outOfMemory },
    )
  }
  if (invalid) throw new SovitError('LIMIT', `The device refused ${what}: ${invalid.message}`, { cause: invalid })
  return result
}
