import { SovitError } from '../errors.js'
import { SUBGROUP_MATRIX, SUBGROUP_SIZE_CONTROL } from './features.js'
import type { MatrixUnits } from './matrix-units.js'
import { GpuMemory } from './memory.js'

/** A device, as its adapter describes it. Browsers leave some of the names empty. */
export interface DeviceInfo {
  /** E.g. `nvidia`, `apple`, `mesa`. */
  readonly vendor: string
  /** Family of its hardware, e.g. `ampere`. */
  readonly architecture: string
  /** In the driver's words. */
  readonly description: string
  /** Features that the encoder uses or could use. */
  readonly features: readonly string[]
  /** A software rasteriser: correct, slow, and no measure of any GPU. */
  readonly software: boolean
  /** Matrix units, where the device was opened with them: an experimental feature that browsers have not shipped. */
  readonly matrixUnits: MatrixUnits | null
}

/** Features asked for where the adapter has them; none is needed. */
const WANTED: readonly GPUFeatureName[] = [
  ...(['shader-f16', 'subgroups', 'timestamp-query'] as const),
  ...[SUBGROUP_MATRIX, SUBGROUP_SIZE_CONTROL],
]

/** Limits asked for at the adapter's own value: large pictures need the first two, large tiles the others. */
const RAISED = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const

/** A device with the memory that one encoder holds on it. */
export class Gpu {
  readonly device: GPUDevice
  readonly info: DeviceInfo
  readonly memory: GpuMemory
  /** Where our own device comes from; null for a caller's. Dawn in Node crashes when it is collected before its devices. */
  readonly #instance: GPU | null
  #failure: SovitError | null = null

  private constructor(device: GPUDevice, info: DeviceInfo, instance: GPU | null) {
    this.device = device
    this.info = info
    this.memory = new GpuMemory(device)
    this.#instance = instance
    void device.lost.then(({ reason, message }) => {
      this.#failure ??= new SovitError(
        'DEVICE_LOST',
        `The GPU device was lost (${reason}${message ? `: ${message}` : ''}). Load the encoder again.`,
      )
    })
    device.addEventListener('uncapturederror', this.#onError)
  }

  /**
   * Opens a device, or adopts the caller's, which is never destroyed here.
   *
   * @throws SovitError `NO_WEBGPU`, `NO_ADAPTER`
   */
  static async open(options: { gpu?: GPU; device?: GPUDevice } = {}): Promise<Gpu> {
    if (options.device) {
      const { device } = options
      return new Gpu(device, await describe(device.adapterInfo, device.features), null)
    }
    const gpu = options.gpu ?? defaultGpu()
    const adapter = await requestAdapter(gpu)
    const requiredLimits = Object.fromEntries(RAISED.map((limit) => [limit, adapter.limits[limit]]))
    const requiredFeatures = WANTED.filter((feature) => adapter.features.has(feature))
    try {
      const device = await adapter.requestDevice({ label: 'sovit', requiredFeatures, requiredLimits })
      return new Gpu(device, await describe(adapter.info, device.features), gpu)
    } catch (cause) {
      throw new SovitError('NO_ADAPTER', `The adapter gives no device: ${String(cause)}. Try again.`, { cause })
    }
  }

  has(feature: GPUFeatureName): boolean {
    return this.device.features.has(feature)
  }

  /** Throws what went wrong on the device since it was opened, if anything did, and `DISPOSED` after `dispose()`. */
  check(): void {
    if (this.#failure) throw this.#failure
  }

  /** Turns a rejection of a pending GPU promise into the reason for it: a loss is announced a moment later. */
  async explain(error: unknown): Promise<unknown> {
    if (error instanceof SovitError) return error
    await Promise.race([this.device.lost, new Promise((resolve) => setTimeout(resolve, 20))])
    return this.#failure ?? error
  }

  /** Frees every buffer; also the device, unless it is the caller's. */
  dispose(): void {
    this.#failure = new SovitError('DISPOSED', 'The encoder was disposed. Load it again to encode.')
    this.device.removeEventListener('uncapturederror', this.#onError)
    this.memory.destroyAll()
    if (this.#instance) this.device.destroy()
  }

  readonly #onError = (event: GPUUncapturedErrorEvent): void => {
    // On a caller's device the error may be the caller's own: only ours carry our labels, which cannot be told here.
    if (!this.#instance) return
    this.#failure ??= new SovitError('SHADER', `The device reported an error: ${event.error.message}`, {
      cause: event.error,
    })
  }
}

function defaultGpu(): GPU {
  const gpu = typeof navigator === 'undefined' ? undefined : (navigator as { gpu?: GPU }).gpu
  if (gpu) return gpu
  const insecure = typeof isSecureContext === 'boolean' && !isSecureContext
  throw new SovitError(
    'NO_WEBGPU',
    insecure
      ? 'WebGPU needs a secure page: serve it by https, or from localhost.'
      : 'There is no WebGPU here. Use Chrome or Edge 113, Safari 26 or Firefox 141 (or later); in Node pass `gpu` from the package webgpu.',
  )
}

/** A process that has just started may answer null for some 50 ms: ask again before believing it. */
async function requestAdapter(gpu: GPU): Promise<GPUAdapter> {
  for (const wait of [0, 50, 200]) {
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (adapter) return adapter
  }
  throw new SovitError(
    'NO_ADAPTER',
    'WebGPU is here, but offers no adapter. Turn on hardware acceleration, or update the graphics driver.',
  )
}

async function describe(info: GPUAdapterInfo, features: GPUSupportedFeatures): Promise<DeviceInfo> {
  const { vendor, architecture, description } = info
  return {
    vendor,
    architecture,
    description,
    features: WANTED.filter((feature) => features.has(feature)),
    matrixUnits: features.has(SUBGROUP_MATRIX) ? (await import('./matrix-units.js')).matrixUnits(info, features) : null,
    software: info.isFallbackAdapter || /swiftshader|llvmpipe|software|warp/i.test(`${architecture} ${description}`),
  }
}
