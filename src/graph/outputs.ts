import type { Gpu } from '../gpu/device.js'
import { allocating } from '../gpu/memory.js'
import type { Readbacks } from './readbacks.js'
import type { PassTimer } from './timer.js'

/** What one run gives, in bytes. */
export interface OutputSizes {
  /** All results that are read back, one after another; or null when they stay on the device. */
  readonly readback: number | null
  /** Results that stay on the device, each of one picture. */
  readonly handedOut: readonly number[]
  readonly taps: readonly number[]
  /** Passes to time; 0 for none. */
  readonly timedPasses: number
}
/** Where the results of one run go. Everything but the shared readback is made for it alone. */
export class RunOutputs {
  readonly readback: GPUBuffer | null
  readonly handedOut: readonly GPUBuffer[]
  readonly taps: readonly GPUBuffer[]
  readonly timer: PassTimer | null
  readonly #gpu: Gpu

  static async create(gpu: Gpu, readbacks: Readbacks, sizes: OutputSizes): Promise<RunOutputs> {
    const readback = sizes.readback === null ? null : await readbacks.acquire(sizes.readback)
    gpu.check()
    const made: GPUBuffer[] = []
    let timer: PassTimer | null = null
    try {
      timer = sizes.timedPasses > 0 ? await openTimer(gpu, sizes.timedPasses) : null
      // A warm run with nothing but tokens to read allocates nothing, and need not wait for the device to say so.
      if (sizes.handedOut.length + sizes.taps.length + sizes.timedPasses === 0) {
        return new RunOutputs(gpu, readback, [], [], null)
      }
      return await allocating(gpu.device, 'the results', () => {
        const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage
        const make = (label: string, size: number, usage: GPUBufferUsageFlags) => {
          const buffer = gpu.memory.create(label, size, usage)
          made.push(buffer)
          return buffer
        }
        const handedOut = sizes.handedOut.map((size, i) => make(`result.${i}`, size, STORAGE | COPY_SRC | COPY_DST))
        const taps = sizes.taps.map((size, i) => make(`hidden states.${i}`, size, MAP_READ | COPY_DST))
        return new RunOutputs(gpu, readback, handedOut, taps, timer)
      })
    } catch (error) {
      for (const buffer of made) gpu.memory.destroy(buffer)
      timer?.free()
      if (readback) readbacks.return(readback)
      throw error
    }
  }

  private constructor(
    gpu: Gpu,
    readback: GPUBuffer | null,
    handedOut: readonly GPUBuffer[],
    taps: readonly GPUBuffer[],
    timer: PassTimer | null,
  ) {
    this.#gpu = gpu
    this.readback = readback
    this.handedOut = handedOut
    this.taps = taps
    this.timer = timer
  }

  /** The caller owns these from now on. */
  release(): readonly GPUBuffer[] {
    for (const buffer of this.handedOut) this.#gpu.memory.release(buffer)
    return this.handedOut
  }

  /** Frees what was not released. */
  free(): void {
    for (const buffer of [...this.handedOut, ...this.taps]) this.#gpu.memory.destroy(buffer)
    this.timer?.free()
  }
}

/** Of a file of its own, as most pages never ask for times. */
async function openTimer(gpu: Gpu, passes: number): Promise<PassTimer> {
  const { PassTimer } = await import('./timer.js')
  gpu.check()
  return new PassTimer(gpu, passes)
}
