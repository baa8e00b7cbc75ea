// A device that computes nothing: Dawn's null backend, which checks every call but has no more than 512 MB, with host memory
// in the place of its larger buffers. It keeps what is written to it, or copies it into one place over and over, as into a
// driver's staging memory.
import { createHash } from 'node:crypto'
import { create, globals } from 'webgpu'

const SMALL = 2 ** 20
/** No chunk is larger. */
const STAGING = 16 * 2 ** 20

/** @returns {{ gpu: GPU, digest(): string }} digest of all that is kept in large buffers, in the order of their making */
export function nullGpu({ keep = true } = {}) {
  Object.assign(globalThis, globals)
  const gpu = create(['backend=null'])
  const buffers = new Map()
  const requestAdapter = gpu.requestAdapter.bind(gpu)
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options)
    const requestDevice = adapter.requestDevice.bind(adapter)
    adapter.requestDevice = async (descriptor) => standIn(await requestDevice(descriptor), buffers, keep)
    return adapter
  }
  const digest = () => {
    const hash = createHash('sha256')
    for (const bytes of buffers.values()) hash.update(bytes)
    return hash.digest('hex')
  }
  return { gpu, digest }
}

function standIn(device, buffers, keep) {
  const staging = new Uint8Array(keep ? 0 : STAGING)
  const { queue } = device
  const createBuffer = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    if (descriptor.size <= SMALL) return zeroed(createBuffer, descriptor)
    const buffer = createBuffer({ ...descriptor, size: SMALL })
    buffers.set(buffer, new Uint8Array(keep ? descriptor.size : 0))
    return buffer
  }
  const writeBuffer = queue.writeBuffer.bind(queue)
  queue.writeBuffer = (buffer, offset, data, ...rest) => {
    const kept = buffers.get(buffer)
    if (!kept) return writeBuffer(buffer, offset, data, ...rest)
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    if (keep) kept.set(bytes, offset)
    else staging.set(bytes)
  }
  const createBindGroup = device.createBindGroup.bind(device)
  device.createBindGroup = (descriptor) => {
    const entries = descriptor.entries.map(({ binding, resource }) => ({
      binding,
      resource: within(resource, buffers),
    }))
    return createBindGroup({ ...descriptor, entries })
  }
  return device
}

/** What is bound of a buffer that is smaller than it should be; nothing reads or writes it. */
function within(resource, buffers) {
  if (!buffers.has(resource.buffer)) return resource
  return { buffer: resource.buffer, size: Math.min(resource.size ?? SMALL, SMALL) }
}

/** The null backend leaves in a buffer what was in its memory before. */
function zeroed(createBuffer, descriptor) {
  if (descriptor.mappedAtCreation) return createBuffer(descriptor)
  const buffer = createBuffer({ ...descriptor, mappedAtCreation: true })
  new Uint8Array(buffer.getMappedRange()).fill(0)
  buffer.unmap()
  return buffer
}
