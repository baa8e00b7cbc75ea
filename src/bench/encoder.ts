import { VisionEncoder } from '../encoder.js'
import type { Arithmetic, Precision } from '../encoder/types.js'
import { repeat, type Budget, type Timing } from './statistics.js'
import { syntheticPixels } from './synthetic.js'
import { towerFlops } from './workload.js'

/** What one encoder takes, from its file to warm encodes. */
export interface EncoderReport {
  readonly precision: Precision
  /** How products were computed. */
  readonly arithmetic: Arithmetic
  readonly layers: number
  readonly tokens: number
  /** Milliseconds of `load`: weights to the device, kernels compiled. Nothing is downloaded. */
  readonly loadMs: number
  /** Milliseconds of the first encode. */
  readonly firstMs: number
  /** Wall time of later encodes, from pixel values to tokens in JavaScript. */
  readonly warm: Timing
  /** Part of an encode by the device's clock, where it has one. */
  readonly gpuMs: number | null
  /** Part of the load that went into choosing kernels. */
  readonly tuneMs: number
  /** FLOP per second at the median. */
  readonly flops: number
  readonly weightBytes: number
  /** GPU bytes beside the weights. */
  readonly arenaBytes: number
  readonly dispatches: number
}

export interface EncoderRun {
  readonly gpu: GPU
  /** A checkpoint, e.g. a `towerFile`. */
  readonly file: Blob
  readonly layers: number
  /** Patches along each side of the picture. */
  readonly side: number
  readonly precision: Precision
  /** Default `auto`. */
  readonly arithmetic?: Arithmetic | 'auto'
  readonly budget: Budget
}

export async function measureEncoder(run: EncoderRun): Promise<EncoderReport> {
  const { gpu, file, layers, side, precision, arithmetic, budget } = run
  const encoder = await VisionEncoder.load(file, { gpu, precision, arithmetic, layers })
  try {
    const pixels = syntheticPixels(side, encoder.model.config.patch)
    const encode = async () => {
      const start = performance.now()
      await encoder.encode({ pixels })
      return performance.now() - start
    }
    const weightBytes = encoder.gpuBytes
    const firstMs = await encode()
    const dispatches = await countDispatches(encode)
    const warm = await repeat(encode, budget)
    const gpuTime = encoder.device.features.includes('timestamp-query')
    const { gpuMs = null } = await encoder.encode({ pixels }, { gpuTime })
    return {
      ...{
        precision,
        arithmetic: encoder.arithmetic,
        layers,
        tokens: side * side,
        loadMs: encoder.load.ms,
        firstMs,
        warm,
        gpuMs,
        weightBytes,
        dispatches,
      },
      tuneMs: encoder.load.tuneMs,
      flops: towerFlops(encoder.model.config, side * side) / (warm.median / 1e3),
      arenaBytes: encoder.gpuBytes - weightBytes,
    }
  } finally {
    encoder.dispose()
  }
}

/** Dispatches that any code records while `work` runs, counted where WebGPU takes them. */
async function countDispatches(work: () => Promise<unknown>): Promise<number> {
  const passes = GPUComputePassEncoder.prototype
  const method = Object.getOwnPropertyDescriptor(passes, 'dispatchWorkgroups')
  const dispatch = method?.value as GPUComputePassEncoder['dispatchWorkgroups']
  let count = 0
  passes.dispatchWorkgroups = function (...size) {
    count++
    Reflect.apply(dispatch, this, size)
  }
  try {
    await work()
    return count
  } finally {
    Object.defineProperty(passes, 'dispatchWorkgroups', { ...method })
  }
}
