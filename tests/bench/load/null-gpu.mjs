// A device that computes nothing and keeps what is written to it: Dawn's null backend, which checks every call but has no
// more than 512 MB, with buffers of host memory in the place of its own where they are larger than a page or two.
import { createHash } from 'node:crypto'
import { create, globals } from 'webgpu'

const SMALL = 64 * 1024

/** @returns {{ gpu: GPU, digest(): string }} digest of all that lies in the large buffers, in the order of their making */
export function nullGpu() {
  Object.assign(globalThis, globals)
  const gpu = create(['backend=null'])
  const buffers = new Map()
  const requestAdapter = gpu.requestAdapter.bind(gpu)
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options)
    const requestDevice = adapter.requestDevice.bind(adapter)
    adapter.requestDevice = async (descriptor) => keeping(await requestDevice(descriptor), buffers)
    return adapter
  }
  const digest = () => {
    const hash = createHash('sha256')
    for (const bytes of buffers.values()) hash.update(bytes)
    return hash.digest('hex')
  }
  return { gpu, digest }
}

function keeping(device, buffers) {
  const { queue } = device
  const createBuffer = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    if (descriptor.size <= SMALL) return zeroed(createBuffer, descriptor)
    const buffer = createBuffer({ ...descriptor, size: SMALL })
    if (descriptor.usage & GPUBufferUsage.COPY_SRC) buffers.set(buffer, new Uint8Array(descriptor.size))
    return buffer
  }
  const writeBuffer = queue.writeBuffer.bind(queue)
  queue.writeBuffer = (buffer, offset, data, ...rest) => {
    const kept = buffers.get(buffer)
    if (!kept) return writeBuffer(buffer, offset, data, ...rest)
    kept.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset)
  }
  return device
}

/** The null backend leaves in a buffer what was in its memory before. */
function zeroed(createBuffer, descriptor) {
  if (descriptor.mappedAtCreation) return createBuffer(descriptor)
  const buffer = createBuffer({ ...descriptor, mappedAtCreation: true })
  new Uint8Array(buffer.getMappedRange()).fill(0)
  buffer.unmap()
  return buffer
}
