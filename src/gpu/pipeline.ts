import { SovitError } from '../errors.js'
import type { Binding, Kernel } from './kernel.js'

/** A kernel compiled for one device. */
export interface Pipeline {
  readonly kernel: Kernel
  readonly layout: GPUBindGroupLayout
  readonly pipeline: GPUComputePipeline
}

/**
 * Compiles kernels in parallel, each WGSL text and each set of constants once.
 *
 * @throws SovitError `LIMIT` when the device's workgroups are too small, `SHADER` with the compiler's own words
 */
export async function compile(device: GPUDevice, kernels: Iterable<Kernel>): Promise<ReadonlyMap<Kernel, Pipeline>> {
  const texts = new Map<string, ReturnType<typeof compileOne>>()
  const entries = [...new Set(kernels)].map(async (kernel) => {
    const text = kernel.code + JSON.stringify(kernel.constants)
    const compiling = texts.get(text) ?? compileOne(device, kernel)
    texts.set(text, compiling)
    return [kernel, { ...(await compiling), kernel }] as const
  })
  // allSettled: nothing may still be compiling when the caller cleans up after a failure.
  await Promise.allSettled(entries)
  return new Map(await Promise.all(entries))
}

async function compileOne(device: GPUDevice, kernel: Kernel): Promise<Pipeline> {
  checkLimits(device, kernel)
  const label = kernel.name
  const layout = device.createBindGroupLayout({ label, entries: kernel.bindings.map(layoutEntry) })
  const module = device.createShaderModule({ label, code: kernel.code })
  try {
    const pipeline = await device.createComputePipelineAsync({
      label,
      layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module, constants: { ...kernel.constants } },
    })
    return { kernel, layout, pipeline }
  } catch (error) {
    throw new SovitError('SHADER', `Shader '${kernel.name}' was refused: ${await complaint(module, kernel, error)}`, {
      cause: error,
    })
  }
}

function layoutEntry(binding: Binding, index: number): GPUBindGroupLayoutEntry {
  const type = binding.access === 'uniform' ? 'uniform' : binding.access === 'read' ? 'read-only-storage' : 'storage'
  return { binding: index, visibility: GPUShaderStage.COMPUTE, buffer: { type } }
}

function checkLimits(device: GPUDevice, kernel: Kernel): void {
  const { limits } = device
  const needs = [
    ['maxComputeWorkgroupStorageSize', kernel.workgroupBytes],
    ['maxComputeInvocationsPerWorkgroup', kernel.invocations],
    ['maxStorageBuffersPerShaderStage', kernel.bindings.filter(({ access }) => access !== 'uniform').length],
  ] as const
  for (const [limit, need] of needs) {
    if (limits[limit] < need) {
      throw new SovitError(
        'LIMIT',
        `Shader '${kernel.name}' needs ${limit} ${need}; this device was opened with ${limits[limit]}. ` +
          `Request the device with a higher limit.`,
      )
    }
  }
}

/** The compiler's messages with file, line and the line itself, or the error's own words. */
async function complaint(module: GPUShaderModule, kernel: Kernel, error: unknown): Promise<string> {
  const { messages } = await module.getCompilationInfo()
  const lines = kernel.code.split('\n')
  const errors = messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, linePos, message }) => {
      const caret = ' '.repeat(Math.max(0, linePos - 1))
      return `${kernel.name}.wgsl:${lineNum}:${linePos}: ${message}\n${lines[lineNum - 1] ?? ''}\n${caret}^`
    })
  return errors.length > 0 ? errors.join('\n') : error instanceof Error ? error.message : String(error)
}
