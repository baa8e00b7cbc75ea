import { bindingBytes, type Kernel, type RunSizes } from '../../src/gpu/kernel.js'

/** Words after each output that a kernel must leave alone, and what outputs hold before it runs. */
const GUARD_WORDS = 64
const GUARD = 0x7fc0dead // a NaN with a payload: read by mistake, it spreads
let poison = 0x7fc10000

export type KernelInputs = Readonly<Record<string, Uint32Array | Float32Array | Uint16Array | Int8Array>>

/**
 * Runs one kernel with poisoned outputs (`read_write` buffers hold what the test gives) and guard words around them, and returns the raw words of each output.
 * Fails on validation errors, on writes past an output, and on inputs of the wrong size.
 */
export async function runKernel(
  device: GPUDevice,
  kernel: Kernel,
  inputs: KernelInputs,
  run: RunSizes,
): Promise<Record<string, Uint32Array>> {
  device.pushErrorScope('validation')
  device.pushErrorScope('out-of-memory')
  const buffers = kernel.bindings.map((binding) => {
    const bytes = bindingBytes(binding, kernel.dims, run)
    if (binding.access === 'write') return { binding, bytes, ...poisonedBuffer(device, bytes) }
    const data = inputs[binding.name]
    if (!data || Math.ceil(data.byteLength / 4) * 4 !== bytes) {
      throw new Error(`${kernel.name}: input '${binding.name}' has ${data?.byteLength ?? 0} bytes, needs ${bytes}`)
    }
    const usage = binding.access === 'uniform' ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE
    return { binding, bytes, canary: 0, buffer: filledBuffer(device, data, bytes, usage) }
  })
  const module = device.createShaderModule({ label: kernel.name, code: kernel.code })
  const pipeline = await device.createComputePipelineAsync({
    label: kernel.name,
    layout: 'auto',
    compute: { module, constants: { ...kernel.constants } },
  })
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    // Outputs are bound with their guard words: beyond a binding the device itself would drop the write.
    entries: buffers.map(({ buffer }, binding) => ({ binding, resource: { buffer } })),
  })
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, group)
  pass.dispatchWorkgroups(...kernel.workgroups(run))
  pass.end()
  device.queue.submit([encoder.finish()])
  const scopes = [device.popErrorScope(), device.popErrorScope()]

  const outputs: Record<string, Uint32Array> = {}
  for (const { binding, buffer, bytes, canary } of buffers) {
    if (binding.access !== 'write' && binding.access !== 'read_write') continue
    const words = await readWords(device, buffer)
    outputs[binding.name] = words.subarray(0, bytes / 4)
    if (binding.access === 'read_write') continue // filled by the test, which knows what may change
    const guard = words.subarray(bytes / 4)
    if (guard.some((word) => word !== GUARD)) throw new Error(`${kernel.name}: wrote past the end of '${binding.name}'`)
    const untouched = outputs[binding.name]?.findIndex((word) => word === canary) ?? -1
    if (untouched >= 0) throw new Error(`${kernel.name}: '${binding.name}' was not written at word ${untouched}`)
  }
  for (const { buffer } of buffers) buffer.destroy()
  const errors = (await Promise.all(scopes)).filter((error) => error !== null)
  if (errors.length > 0) throw new Error(`${kernel.name}: ${errors.map((error) => error.message).join('\n')}`)
  return outputs
}

function poisonedBuffer(device: GPUDevice, bytes: number) {
  const canary = poison++
  const words = new Uint32Array(bytes / 4 + GUARD_WORDS).fill(canary, 0, bytes / 4).fill(GUARD, bytes / 4)
  return { canary, buffer: filledBuffer(device, words, words.byteLength, GPUBufferUsage.STORAGE) }
}

function filledBuffer(device: GPUDevice, data: ArrayBufferView, bytes: number, usage: number): GPUBuffer {
  const buffer = device.createBuffer({ size: bytes, usage: usage | GPUBufferUsage.COPY_SRC, mappedAtCreation: true })
  new Uint8Array(buffer.getMappedRange()).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  buffer.unmap()
  return buffer
}

async function readWords(device: GPUDevice, buffer: GPUBuffer): Promise<Uint32Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ })
  const encoder = device.createCommandEncoder()
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size)
  device.queue.submit([encoder.finish()])
  await staging.mapAsync(GPUMapMode.READ)
  const words = new Uint32Array(staging.getMappedRange().slice(0))
  staging.destroy()
  return words
}
