import { SUBGROUP_MATRIX, SUBGROUP_SIZE_CONTROL } from '../../src/gpu/features.js'
import { matrixUnits } from '../../src/gpu/matrix-units.js'
import type { MatrixUnits } from '../../src/gpu/types.js'

let dawn: Promise<GPU> | undefined
let shared: Promise<GPUDevice> | undefined

/**
 * WebGPU of the lane that runs: Dawn in Node, the browser's in a page. One instance is kept for as long as the tests run:
 * Dawn in Node crashes when its instance is collected while a device is in use.
 */
export async function testGpu(): Promise<GPU> {
  if (typeof navigator !== 'undefined' && 'gpu' in navigator) return navigator.gpu
  return (dawn ??= openDawn())
}

async function openDawn(): Promise<GPU> {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  return create(['enable-dawn-features=allow_unsafe_apis'])
}

/**
 * One device for all kernel tests of a lane, with the features kernels can use. Prints its name first. A lane without an
 * adapter fails, because a test that silently runs nowhere proves nothing.
 */
export function testDevice(): Promise<GPUDevice> {
  shared ??= openTestDevice()
  return shared
}

/** The matrix units of the test device. Asks the adapter: in Dawn's `device.adapterInfo` their shapes are missing. */
export async function testMatrixUnits(): Promise<MatrixUnits | null> {
  const { features } = await testDevice()
  const adapter = await (await testGpu()).requestAdapter()
  return adapter && matrixUnits(adapter.info, features)
}

async function openTestDevice(): Promise<GPUDevice> {
  const gpu = await testGpu()
  const adapter = await gpu.requestAdapter()
  if (!adapter) throw new Error('No WebGPU adapter: this lane cannot run here.')
  const { vendor, architecture, description } = adapter.info
  console.log(`adapter: ${vendor} ${architecture} ${description}`)
  const wanted: GPUFeatureName[] = [
    'shader-f16',
    'subgroups',
    'timestamp-query',
    SUBGROUP_MATRIX,
    SUBGROUP_SIZE_CONTROL,
  ]
  // As the encoder does: large tiles need more workgroup memory than every device has.
  const { maxComputeWorkgroupStorageSize } = adapter.limits
  return adapter.requestDevice({
    requiredLimits: { maxComputeWorkgroupStorageSize },
    requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
  })
}
