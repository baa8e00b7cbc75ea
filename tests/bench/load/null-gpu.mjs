// A device that computes nothing: Dawn's null backend, which checks every call but has no more than 512 MB, with host memory
// in the place of its larger buffers, and of those that are mapped to write. It keeps what is copied from the ones into the
// others, or forgets it.
import { createHash } from 'node:crypto'
import { create, globals } from 'webgpu'

const SMALL = 2 ** 20

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
  const createBuffer = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    if (descriptor.usage & GPUBufferUsage.MAP_WRITE) return new Mapped(descriptor.size)
    if (descriptor.size <= SMALL) return zeroed(createBuffer, descriptor)
    const buffer = createBuffer({ ...descriptor, size: SMALL })
    buffers.set(buffer, new Uint8Array(keep ? descriptor.size : 0))
    return buffer
  }
  const createCommandEncoder = device.createCommandEncoder.bind(device)
  device.createCommandEncoder = (descriptor) => {
    const encoder = createCommandEncoder(descriptor)
    const copy = encoder.copyBufferToBuffer.bind(encoder)
    encoder.copyBufferToBuffer = (source, from, target, to, size) => {
      if (!(source instanceof Mapped)) return copy(source, from, target, to, size)
      queue.writeBuffer(target, to, new Uint8Array(source.bytes, from, size))
    }
    return encoder
  }
  const { queue } = device
  const writeBuffer = queue.writeBuffer.bind(queue)
  queue.writeBuffer = (buffer, offset, bytes) => {
    const kept = buffers.get(buffer)
    if (!kept) return writeBuffer(buffer, offset, bytes)
    if (keep) kept.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset)
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

/** A buffer of the host's that is always mapped: what is copied out of it is copied at once. */
class Mapped {
  /** @param {number} size */
  constructor(size) {
    this.bytes = new ArrayBuffer(size)
  }
  mapAsync = () => Promise.resolve()
  getMappedRange = () => this.bytes
  unmap() {}
  destroy() {}
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
