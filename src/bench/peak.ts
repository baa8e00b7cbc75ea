import peakCode from '../../shaders/peak.wgsl?raw'
import peakMatrixCode from '../../shaders/peak_matrix.wgsl?raw'
import type { Gpu } from '../gpu/device.js'
import { ELEMENT_BYTES, type Kernel, type RunSizes, specialise } from '../gpu/kernel.js'
import type { MatrixConfig } from '../gpu/types.js'
import type { KernelTimer } from './timer.js'

/** What a device was seen to do in one kind of arithmetic. */
export interface Peak {
  /** `f32 vec4`, `f16 vec2`, `f16 vec4`, `matrix 8×8×8 f16→f32`, … */
  readonly name: string
  /** FLOP per second, a multiply-add counted as two. */
  readonly flops: number
}

const CHAINS = 8
const ITERATIONS = 256
const THREADS = 64
const MATRIX_CHAINS = 4

/** A loop of multiply-adds in registers: T threads, each `CHAINS` chains of vectors. */
function peakKernel(elem: 'f32' | 'f16', lanes: 1 | 2 | 4): Kernel {
  return {
    name: 'peak',
    variant: lanes === 1 ? elem : `${elem} vec${lanes}`,
    code: specialise(peakCode, {
      consts: { ITERATIONS: `${ITERATIONS}u` },
      aliases: { Elem: elem, Vec: lanes === 1 ? 'Elem' : `vec${lanes}<Elem>` },
    }),
    constants: {},
    bindings: [
      { name: 'factors', access: 'read', type: 'f32', shape: [2] },
      { name: 'y', access: 'write', type: elem, shape: ['T', lanes] },
    ],
    dims: {},
    workgroupBytes: 0,
    invocations: THREADS,
    workgroups: ({ T = 0 }) => [T / THREADS, 1, 1],
    flops: ({ T = 0 }) => T * CHAINS * ITERATIONS * lanes * 2,
    bytes: ({ T = 0 }) => ELEMENT_BYTES[elem] * T * lanes,
    accumulators: CHAINS * lanes,
  }
}

/** A chain of matrix multiply-adds: S subgroups, one a workgroup. */
export function peakMatrixKernel({ component, result, M, N, K }: MatrixConfig, subgroupSize: number): Kernel {
  const consts = { M: `${M}u`, N: `${N}u`, K: `${K}u`, THREADS: `${subgroupSize}u`, ITERATIONS: `${ITERATIONS}u` }
  return {
    name: 'peak_matrix',
    variant: `matrix ${M}×${N}×${K} ${component}→${result}`,
    code: specialise(peakMatrixCode, { consts, aliases: { In: component, Sum: result } }),
    constants: {},
    bindings: [
      { name: 'factors', access: 'read', type: 'f32', shape: [2] },
      { name: 'y', access: 'write', type: result, shape: ['S', MATRIX_CHAINS, M, N] },
    ],
    dims: {},
    workgroupBytes: 0,
    invocations: subgroupSize,
    workgroups: ({ S = 0 }) => [S, 1, 1],
    flops: ({ S = 0 }) => S * MATRIX_CHAINS * ITERATIONS * 2 * M * N * K,
    bytes: ({ S = 0 }) => S * MATRIX_CHAINS * M * N * ELEMENT_BYTES[result],
    accumulators: (MATRIX_CHAINS * M * N) / subgroupSize,
  }
}

/** The kernels whose rates are a device's peaks. */
export function peakKernels(gpu: Gpu): Kernel[] {
  const { matrixUnits: units } = gpu.info
  return [
    peakKernel('f32', 1),
    peakKernel('f32', 2),
    peakKernel('f32', 4),
    ...(gpu.has('shader-f16') ? [peakKernel('f16', 2), peakKernel('f16', 4)] : []),
    ...(units?.configs.map((config) => peakMatrixKernel(config, units.largest)) ?? []),
  ]
}

/** Measures what this device's arithmetic can do, in each kind that it has. */
export async function measurePeaks(gpu: Gpu, timer: KernelTimer): Promise<Peak[]> {
  const run: RunSizes = gpu.info.software ? { T: 2 ** 14, S: 2 ** 9 } : { T: 2 ** 18, S: 2 ** 13 }
  const data = { factors: Float32Array.of(0.75, 0.125) }
  const peaks: Peak[] = []
  for (const kernel of peakKernels(gpu)) {
    const { min } = await timer.time(kernel, run, data)
    peaks.push({ name: kernel.variant, flops: kernel.flops(run) / (min / 1e3) })
  }
  return peaks
}

/** Bytes per second that a copy reads and writes, beyond what caches hold. */
export async function measureBandwidth(gpu: Gpu, timer: KernelTimer): Promise<number> {
  const bytes = Math.min(gpu.info.software ? 2 ** 26 : 2 ** 28, gpu.device.limits.maxBufferSize)
  const { min } = await timer.copy(bytes)
  return (2 * bytes) / (min / 1e3)
}
