/** Room on the device for weights, and what goes where. */
import type { Gpu } from '../gpu/device.js'
import { allocating, BINDING_ALIGNMENT } from '../gpu/memory.js'
import { weightBytes, type PlannedWeight, type WeightFormat } from '../graph/weights.js'
import { inNode } from './in-node.js'
import type { Scales } from './scales.js'
import { byPlace } from './stream.js'
import type { TensorInfo } from './types.js'

/**
 * Weights lie in buffers of up to this size, or of their own where they are larger. Of larger buffers, software devices
 * commit all when the first bytes arrive.
 */
const BUFFER_BYTES = 16 << 20

/** A buffer of some weights, made when it is needed. */
export interface Room {
  readonly label: string
  bytes: number
  /** The one that is filled after it. */
  next?: Room
  making?: Promise<void>
  buffer?: GPUBuffer
}

/** Where a weight lies, or will. */
export interface Place {
  readonly room: Room
  readonly offset: number
  readonly size: number
}

/** A tensor's part in a weight, converted on the way when the two forms differ. */
export interface Part {
  readonly tensor: TensorInfo
  /** First element inside the weight. */
  readonly start: number
  readonly from: WeightFormat
  readonly to: WeightFormat
  /** Number of this tensor among all, and its word in `status`. */
  readonly part: number
}

/** Of each weight. */
export type Parts = readonly (readonly Part[])[]

/** Where a tensor goes: a region of a weight's buffer. */
export interface Destination extends Part {
  /** Of the weight that the tensor is a part of. */
  readonly place: Place
  /** Of int8 that is converted. */
  readonly scales?: Scales
}

/**
 * Of each weight, side by side in few buffers: allocators round small ones up to a power of two (Dawn,
 * BuddyMemoryAllocator.cpp), which was 5% of all weights. In pages they lie in the order in which they are read, so that one buffer is
 * filled before the next is made, and cleared. In Node they do not: Dawn polls while a buffer is cleared, and what that leaves for
 * the collector is more than half a buffer.
 */
export function placesOf({ device }: Gpu, weights: readonly PlannedWeight[], parts: Parts): readonly Place[] {
  const most = Math.min(BUFFER_BYTES, device.limits.maxBufferSize)
  const first = (i: number) => parts[i]?.[0]?.tensor ?? { file: '', begin: 0 }
  const inOrder = [...weights.entries()]
  if (!inNode) inOrder.sort(([a], [b]) => byPlace(first(a), first(b)))
  let room: Room = { label: '', bytes: most }
  const places: Place[] = []
  for (const [i, weight] of inOrder) {
    const size = weightBytes(weight)
    let offset = Math.ceil(room.bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT
    if (offset + size > most) {
      room = room.next = { label: weight.label, bytes: 0 }
      offset = 0
    }
    room.bytes = offset + size
    places[i] = { room, offset, size }
  }
  return places
}

/** Resolves when the buffer is there. Throws SovitError `OUT_OF_MEMORY`, `LIMIT`. */
export function make({ device, memory }: Gpu, room: Room): Promise<void> {
  const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage
  return (room.making ??= allocating(device, 'the weights', () => {
    room.buffer = memory.create(room.label, room.bytes, STORAGE | COPY_DST | COPY_SRC)
  }))
}

/** The same, and the next is made meanwhile: to hear from the device that there was room takes as long as to fill it. */
export function makeAhead(gpu: Gpu, room: Room): Promise<void> {
  const made = make(gpu, room)
  if (room.next) make(gpu, room.next).catch(() => undefined) // heard of when it is wanted
  return made
}

/** What is bound of a place that was made. */
export function bindingOf({ room: { label, buffer }, offset, size }: Place): Required<GPUBufferBinding> {
  if (!buffer) throw new Error(`'${label}' has no room`)
  return { buffer, offset, size }
}
