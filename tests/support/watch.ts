/**
 * Counts the live buffers and textures of a device, however they are made; looks from outside at what the encoder says
 * of itself.
 */
export interface Watched {
  readonly device: GPUDevice
  readonly live: ReadonlySet<GPUBuffer>
  readonly liveTextures: ReadonlySet<GPUTexture>
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
  const liveTextures = new Set<GPUTexture>()
  let made = 0
  const createBuffer = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    made++
    return watch(createBuffer(descriptor), live)
  }
  const createTexture = device.createTexture.bind(device)
  device.createTexture = (descriptor) => watch(createTexture(descriptor), liveTextures)
  return { device, live, liveTextures, made: () => made }
}

function watch<T extends GPUBuffer | GPUTexture>(resource: T, live: Set<T>): T {
  const destroy = resource.destroy.bind(resource)
  resource.destroy = () => {
    live.delete(resource)
    destroy()
  }
  live.add(resource)
  return resource
}

type Limits = Partial<Record<'maxStorageBufferBindingSize' | 'maxBufferSize' | 'maxTextureDimension2D', number>>
