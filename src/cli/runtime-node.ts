import { VisionEncoder } from '../encoder.js'
import { SovitError } from '../errors.js'
import { openable } from './model-ref.js'
import { watchPeak } from './peak.js'
import { peer } from './peer.js'
import { tuningFile } from './tuning-file.js'
import type { EncodeJob, EncodeReport, Runtime } from './runtime.js'

/** Subgroup matrices are an unsafe API as long as they are a draft; f16 on NVIDIA's Vulkan is off in Dawn by default. */
const DAWN_FLAGS = ['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia']

/** Dawn in this process. Throws `MISSING_PACKAGE` and `NO_ADAPTER`. */
export async function openNode(): Promise<Runtime> {
  const { create, globals } = await peer('webgpu', '--runtime node', import('webgpu'))
  Object.assign(globalThis, globals)
  const gpu = create(DAWN_FLAGS)
  const adapter = await gpu.requestAdapter()
  if (!adapter) {
    const wayOut = 'Install a driver (Vulkan, Metal or Direct3D 12), or use a browser: --runtime chromium'
    throw new SovitError('NO_ADAPTER', `Dawn finds no GPU adapter in Node. ${wayOut}.`)
  }
  return { name: 'node', encode: (job) => encode(gpu, job), close: () => Promise.resolve() }
}

async function encode(gpu: GPU, job: EncodeJob): Promise<EncodeReport> {
  const peak = watchPeak(hostBytes)
  const { source, options } = openable(job.model)
  const encoder = await VisionEncoder.load(source, {
    ...job.tower,
    ...options,
    cache: job.cache,
    tuning: job.tower.tuning && tuningFile(),
    gpu,
    signal: job.signal,
    onProgress(event) {
      peak.sample()
      job.onProgress(event)
    },
  }).finally(peak.stop)
  const peakHostBytes = await peak.stop()

  const { pictures, hiddenStates, repeat, signal } = job
  const gpuTime = encoder.device.features.includes('timestamp-query')
  const ms: number[] = []
  const gpuMs: number[] = []
  const run = async () => {
    const start = performance.now()
    const encodings = await encoder.encode(pictures, { hiddenStates, signal, gpuTime })
    ms.push(performance.now() - start)
    gpuMs.push(encodings[0]?.gpuMs ?? 0)
    return encodings
  }
  let encodings = await run()
  if (repeat !== undefined) ms.length = gpuMs.length = 0
  for (let i = 0; i < (repeat ?? 0); i++) encodings = await run()

  const { model, device, precision, arithmetic, load, gpuBytes } = encoder
  encoder.dispose()
  return {
    model,
    device: { ...device, backend: 'dawn' },
    precision,
    arithmetic,
    load: { ...load, gpuBytes, peakHostBytes },
    encodings,
    ms,
    gpuMs: gpuTime ? gpuMs : null,
  }
}

function hostBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
