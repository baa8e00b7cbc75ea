import { SovitError } from '../errors.js'

/** `minStorageBufferOffsetAlignment` of every device: where a part of a buffer may be bound. */
export const BINDING_ALIGNMENT = 256

/**
 * The buffers and textures of one encoder: each is made and destroyed here, so that their number and bytes are known at
 * any time and one call frees them all.
 */
export class GpuMemory {
  readonly #device: GPUDevice
  /** With their bytes. */
  readonly #live = new Map<GPUBuffer | GPUTexture, number>()
  #bytes = 0

  constructor(device: GPUDevice) {
    this.#device = device
  }

  /** Bytes of all live buffers and textures. */
  get bytes(): number {
    return this.#bytes
  }

  /** Number of live buffers and textures. */
  get count(): number {
    return this.#live.size
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
    return this.#add(this.#device.createBuffer({ label, size, usage }), size)
  }

  /** A new texture of one byte a channel, RGBA. */
  createTexture(label: string, width: number, height: number, usage: GPUTextureUsageFlags): GPUTexture {
    const texture = this.#device.createTexture({ label, size: [width, height], format: 'rgba8unorm', usage })
    return this.#add(texture, width * height * 4)
  }

  destroy(resource: GPUBuffer | GPUTexture): void {
    if (this.#forget(resource)) resource.destroy()
  }

  /** Hands a buffer over to the caller, who destroys it. */
  release(buffer: GPUBuffer): void {
    this.#forget(buffer)
  }

  destroyAll(): void {
    for (const resource of [...this.#live.keys()]) this.destroy(resource)
  }

  #add<T extends GPUBuffer | GPUTexture>(resource: T, bytes: number): T {
    this.#live.set(resource, bytes)
    this.#bytes += bytes
    return resource
  }

  #forget(resource: GPUBuffer | GPUTexture): boolean {
    this.#bytes -= this.#live.get(resource) ?? 0
    return this.#live.delete(resource)
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
