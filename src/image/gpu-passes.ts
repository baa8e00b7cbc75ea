import type { Gpu } from '../gpu/device.js'
import type { RunSizes } from '../gpu/kernel.js'
import { isVerticalFirst, makeTaps, type Taps } from './taps.js'
import type { Size, Target } from './types.js'

/** A resize, to be done on the device in two passes over each cell of its result. */
export interface Resizing {
  readonly from: Size
  /** Pixels from one row of the source to the next. */
  readonly stride: number
  readonly to: Target
}

/** One pass, with its tables on the device: see the kernel `resize`. */
export interface Pass {
  readonly run: RunSizes
  readonly taps: GPUBuffer
  readonly size: GPUBuffer
}

/**
 * The first pass makes strips of the cells that lie beside each other across it; of each strip, the second makes its cells.
 * Each is divided along its own axis, by its table of taps, so no pixel is made twice.
 */
interface Passes {
  /** What is made, in words. */
  readonly key: string
  /** One for each strip. */
  readonly first: readonly Pass[]
  /** One for each cell of a strip. */
  readonly second: readonly Pass[]
}

/** Where in the `size` of a pass the place of its first value stands, in bytes. */
export const OFFSET_IN_SIZE = 5 * 4

/** Pictures of a camera, a screen, the frames of a video: few sizes come again and again. */
const KEPT = 8

/** What there is of a strip between the two passes. */
export function betweenOf({ from, to }: Resizing): Size {
  return isVerticalFirst(from, to)
    ? { width: from.width, height: to.height / to.rows }
    : { width: to.width / to.columns, height: from.height }
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
    const key = JSON.stringify(resizing)
    const index = this.#recent.findIndex((passes) => passes.key === key)
    const [found = this.#make(resizing, key)] = index < 0 ? [] : this.#recent.splice(index, 1)
    this.#recent.unshift(found)
    for (const { first, second } of this.#recent.splice(KEPT)) {
      for (const { taps, size } of [...first, ...second]) {
        this.#gpu.memory.destroy(taps)
        this.#gpu.memory.destroy(size)
      }
    }
    return found
  }

  #make(resizing: Resizing, key: string): Passes {
    const { from, stride, to } = resizing
    const between = betweenOf(resizing)
    const cell = { width: to.width / to.columns, height: to.height / to.rows }
    const verticalFirst = isVerticalFirst(from, to)
    return {
      key,
      first: this.#pass(resizing, between, stride, verticalFirst),
      second: this.#pass(resizing, cell, between.width, !verticalFirst),
    }
  }

  /** A pass down the columns or along the rows, from rows `stride` apart to `result`: one for each row or column of cells. */
  #pass({ from, to }: Resizing, result: Size, stride: number, down: boolean): readonly Pass[] {
    const taps = down ? makeTaps(from.height, to.height, to.filter) : makeTaps(from.width, to.width, to.filter)
    const { width: X, height: Y } = result
    const size = Uint32Array.of(X, Y, stride, down ? 1 : 0, taps.stride, 0, 0, 0)
    const packed = packTaps(taps)
    const count = down ? to.rows : to.columns
    const words = packed.length / count
    return Array.from({ length: count }, (_, i) => ({
      run: { X, Y },
      taps: tableOnGpu(this.#gpu, 'picture.taps', packed.subarray(i * words, (i + 1) * words), GPUBufferUsage.STORAGE),
      size: tableOnGpu(this.#gpu, 'picture.size', size, GPUBufferUsage.UNIFORM),
    }))
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
