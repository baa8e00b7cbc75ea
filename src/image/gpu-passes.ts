import type { Gpu } from '../gpu/device.js'
import type { RunSizes } from '../gpu/kernel.js'
import { isVerticalFirst, makeTaps, type Taps } from './resize.js'
import type { Resample, Size } from './types.js'

/** A resize, to be done on the device in two passes. */
export interface Resizing {
  readonly from: Size
  /** Pixels from one row of the source to the next. */
  readonly stride: number
  readonly to: Size
  readonly filter: Resample
}

/** One pass, with its tables on the device: see the kernel `resize`. */
export interface Pass {
  readonly run: RunSizes
  readonly taps: GPUBuffer
  readonly size: GPUBuffer
}

interface Passes {
  readonly resizing: Resizing
  readonly first: Pass
  readonly second: Pass
}

/** Where in the `size` of a pass the place of its first value stands, in bytes. */
export const OFFSET_IN_SIZE = 5 * 4

/** Pictures of a camera, a screen, the frames of a video: few sizes come again and again. */
const KEPT = 8

/** What there is between the two passes. */
export function betweenOf({ from, to }: Resizing): Size {
  return isVerticalFirst(from, to) ? { width: from.width, height: to.height } : { width: to.width, height: from.height }
}

/** Tables of the resizes done last. An older one's are freed, and made again when it comes again. */
export class RecentPasses {
  readonly #gpu: Gpu
  /** The latest first. */
  readonly #recent: Passes[] = []

  constructor(gpu: Gpu) {
    this.#gpu = gpu
  }

  of(resizing: Resizing): Passes {
    const index = this.#recent.findIndex((passes) => isSame(passes.resizing, resizing))
    const [found = this.#make(resizing)] = index < 0 ? [] : this.#recent.splice(index, 1)
    this.#recent.unshift(found)
    for (const { first, second } of this.#recent.splice(KEPT)) {
      for (const { taps, size } of [first, second]) [taps, size].forEach((buffer) => this.#gpu.memory.destroy(buffer))
    }
    return found
  }

  #make(resizing: Resizing): Passes {
    const { from, stride, to } = resizing
    const between = betweenOf(resizing)
    const verticalFirst = isVerticalFirst(from, to)
    return {
      resizing,
      first: this.#pass(resizing, between, stride, verticalFirst),
      second: this.#pass(resizing, to, between.width, !verticalFirst),
    }
  }

  /** A pass down the columns or along the rows, from rows `stride` apart to `result`. */
  #pass({ from, to, filter }: Resizing, result: Size, stride: number, down: boolean): Pass {
    const taps = down ? makeTaps(from.height, to.height, filter) : makeTaps(from.width, to.width, filter)
    const { width: X, height: Y } = result
    const size = Uint32Array.of(X, Y, stride, down ? 1 : 0, taps.stride, 0, 0, 0)
    return {
      run: { X, Y },
      taps: tableOnGpu(this.#gpu, 'picture.taps', packTaps(taps), GPUBufferUsage.STORAGE),
      size: tableOnGpu(this.#gpu, 'picture.size', size, GPUBufferUsage.UNIFORM),
    }
  }
}

/** A new buffer that holds `data`. */
export function tableOnGpu(
  { device, memory }: Gpu,
  label: string,
  data: Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  usage: GPUBufferUsageFlags,
): GPUBuffer {
  const buffer = memory.create(label, data.byteLength, usage | GPUBufferUsage.COPY_DST)
  device.queue.writeBuffer(buffer, 0, data)
  return buffer
}

/** [target, 2 + stride]: first source position, number of weights, weights. */
function packTaps({ first, count, weights, stride }: Taps): Int32Array<ArrayBuffer> {
  const packed = new Int32Array(first.length * (2 + stride))
  for (let i = 0; i < first.length; i++) {
    packed.set([first[i] ?? 0, count[i] ?? 0], i * (2 + stride))
    packed.set(weights.subarray(i * stride, (i + 1) * stride), i * (2 + stride) + 2)
  }
  return packed
}

function isSame(a: Resizing, b: Resizing): boolean {
  return isSameSize(a.from, b.from) && isSameSize(a.to, b.to) && a.stride === b.stride && a.filter === b.filter
}

function isSameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height
}
