import { SovitError } from '../errors.js'
import type { Kernel } from '../gpu/kernel.js'
import type { Peak } from './peak.js'
import type { Timing } from './statistics.js'
import type { KernelTimer } from './timer.js'
import type { Work } from './workload.js'

/** What one kernel does for one step. */
export interface KernelReport {
  readonly step: string
  readonly kernel: string
  readonly variant: string
  readonly timing: Timing
  /** FLOP per second at the median. */
  readonly flops: number
  /** Of the peak of its kind of arithmetic, where that was measured. */
  readonly share: number | null
  readonly peak: string
}

/** Times every kernel of every step; those that the device does not take are left out. */
export async function* measureKernels(
  works: readonly Work[],
  timer: KernelTimer,
  peaks: readonly Peak[],
): AsyncGenerator<KernelReport> {
  for (const { step, candidates } of works) {
    for (const { kernel, run, data } of candidates) {
      const timing = await timer.time(kernel, run, data).catch(nullWhereLimited)
      if (!timing) continue
      const flops = kernel.flops(run) / (timing.median / 1e3)
      const peak = peakOf(kernel, peaks)
      const share = peak ? flops / peak.flops : null
      yield { step, kernel: kernel.name, variant: kernel.variant, timing, flops, share, peak: peak?.name ?? '' }
    }
  }
}

function nullWhereLimited(error: unknown): null {
  if (error instanceof SovitError && error.code === 'LIMIT') return null
  throw error
}

/** Kernels multiply in f32 or, where their text says so, in matrix units; the best loop of that kind counts. */
function peakOf(kernel: Kernel, peaks: readonly Peak[]): Peak | undefined {
  const kind = kernel.code.includes('subgroupMatrixMultiply') ? 'matrix' : 'f32'
  return peaks.filter(({ name }) => name.startsWith(kind)).sort((a, b) => b.flops - a.flops)[0]
}
