/** Counts the live buffers of a device, however they are made; looks from outside at what the encoder says of itself. */
export interface Watched {
  readonly device: GPUDevice
  readonly live: ReadonlySet<GPUBuffer>
  /** Buffers made so far. */
  made(): number
}

/** A device of its own, with the given limits lowered below what it really has. */
export async function watchedDevice(gpu: GPU, features: GPUFeatureName[] = [], limits: Limits = {}): Promise<Watched> {
  const adapter = await gpu.requestAdapter()
  if (!adapter) throw new Error('No WebGPU adapter: this lane cannot run here.')
  const device = await adapter.requestDevice({ requiredFeatures: features })
  const real = device.limits
  const lowered = new Proxy(real, {
    get: (_, name) => limits[name as keyof Limits] ?? (Reflect.get(real, name, real) as unknown),
  })
  Object.defineProperty(device, 'limits', { value: lowered })

  const live = new Set<GPUBuffer>()
  let made = 0
  const createBuffer = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor)
    const destroy = buffer.destroy.bind(buffer)
    buffer.destroy = () => {
      live.delete(buffer)
      destroy()
    }
    made++
    live.add(buffer)
    return buffer
  }
  return { device, live, made: () => made }
}

type Limits = Partial<Record<'maxStorageBufferBindingSize' | 'maxBufferSize', number>>
