import { bindingBytes, type Kernel, type RunSizes } from '../gpu/kernel.js'
import { formatBytes, formatMs, formatShare, type Section } from './report.js'
import type { Work } from './workload.js'

/** What a vendor says of a device. */
export interface NamedDevice {
  readonly name: string
  /** FLOP per second in f32, and of matrix units with f16 operands and f32 sums (null: it has none of its own). */
  readonly f32: number
  readonly matrix: number | null
  /** Bytes per second of its memory. */
  readonly bandwidth: number
  /** Streaming multiprocessors, GPU cores, dual subslices: what a workgroup runs on. */
  readonly cores: number
}

/**
 * Vendors' peaks at boost clocks, not measurements. NVIDIA: H100 SXM data sheet; Ada whitepaper (RTX 4090). Apple: M2 with
 * 10 GPU cores, whose matrix operations run on the vector units. Intel: Iris Xe with 96 units at 1.35 GHz, LPDDR4X-4266.
 */
export const DEVICES: readonly NamedDevice[] = [
  { name: 'H100 SXM', f32: 67e12, matrix: 989e12, bandwidth: 3350e9, cores: 132 },
  { name: 'RTX 4090', f32: 82.6e12, matrix: 165e12, bandwidth: 1008e9, cores: 128 },
  { name: 'M2', f32: 3.6e12, matrix: 3.6e12, bandwidth: 100e9, cores: 10 },
  { name: 'Iris Xe', f32: 2.2e12, matrix: null, bandwidth: 68e9, cores: 6 },
]

/** What a kernel costs by its declaration alone. */
export interface PaperCost {
  readonly flops: number
  /** Bytes that its workgroups ask for, as if nothing were cached. */
  readonly askedBytes: number
  /** Bytes of its buffers: what must cross the memory bus at least once. */
  readonly leastBytes: number
  /** FLOP per byte asked for: what its tile is for. */
  readonly intensity: number
  readonly workgroups: number
}

export function paperCost(kernel: Kernel, run: RunSizes): PaperCost {
  const [x, y, z] = kernel.workgroups(run)
  const flops = kernel.flops(run)
  const askedBytes = kernel.bytes(run)
  const leastBytes = kernel.bindings.reduce((sum, binding) => sum + bindingBytes(binding, kernel.dims, run), 0)
  return { flops, askedBytes, leastBytes, intensity: flops / askedBytes, workgroups: x * y * z }
}

/** The least time in which a device could run a kernel, and what stands in the way of less. */
export interface PaperBound {
  readonly ms: number
  readonly by: 'arithmetic' | 'memory'
  /** Share of the cores that work on average when each takes one workgroup after another. */
  readonly fill: number
  /** How often caches must serve a byte for each time memory does, or memory is too slow for the peak. */
  readonly reuse: number
}

/** Null for a kernel whose units the device does not have. */
export function paperBound(device: NamedDevice, kernel: Kernel, run: RunSizes): PaperBound | null {
  const peak = kernel.code.includes('subgroupMatrixMultiply') ? device.matrix : device.f32
  if (peak === null) return null
  const { flops, leastBytes, intensity, workgroups } = paperCost(kernel, run)
  const fill = workgroups / (device.cores * Math.ceil(workgroups / device.cores))
  const arithmetic = (1e3 * flops) / (peak * fill)
  const memory = (1e3 * leastBytes) / device.bandwidth
  const reuse = peak / intensity / device.bandwidth
  return { ms: Math.max(arithmetic, memory), by: memory > arithmetic ? 'memory' : 'arithmetic', fill, reuse }
}

/** Two tables of the same rows: what kernels cost, and what follows for named devices. */
export function paperSections(works: readonly Work[], title: string): Section[] {
  const rows = works.flatMap(({ step, candidates }) => candidates.map(({ kernel, run }) => ({ step, kernel, run })))
  const heads = rows.map(({ step, kernel }) => [step, kernel.name, kernel.variant])
  const costs = rows.map(({ kernel, run }) => ({ kernel, ...paperCost(kernel, run) }))
  const bounds = rows.map(({ kernel, run }) => DEVICES.map((device) => paperBound(device, kernel, run)))
  const named = rows.map(({ step, kernel }) => ({ step, kernel: kernel.name, variant: kernel.variant }))
  return [
    {
      title: `Costs on paper, ${title}`,
      columns: ['step', 'kernel', 'variant', 'GFLOP', 'asked', 'at least', 'FLOP/byte', 'workgroup memory', ...THREADS],
      rows: costs.map(({ kernel, flops, askedBytes, leastBytes, intensity, workgroups }, i) => [
        ...(heads[i] ?? []),
        ...[(flops / 1e9).toFixed(3), formatBytes(askedBytes), formatBytes(leastBytes), intensity.toFixed(1)],
        ...[`${kernel.workgroupBytes} B`, ...[kernel.accumulators, kernel.invocations, workgroups].map(String)],
      ]),
      notes: ['"Asked" is what workgroups read and write as if nothing were cached; "at least" is every buffer once.'],
      data: costs.map(({ kernel: _, ...cost }, i) => ({ ...named[i], ...cost })),
    },
    {
      title: `Bounds on paper, ${title}`,
      columns: ['step', 'kernel', 'variant', ...DEVICES.map(({ name }) => name)],
      rows: bounds.map((row, i) => [...(heads[i] ?? []), ...row.map(describeBound)]),
      notes: [
        "Least time by vendors' peaks, not a forecast; then the share of cores at work when each takes one workgroup at a " +
          'time; then how often caches must serve a byte for each time memory does. `*`: memory is the bound.',
      ],
      data: bounds.map((row, i) => ({
        ...named[i],
        bounds: row.map((bound, d) => ({ device: DEVICES[d]?.name, bound })),
      })),
    },
  ]
}

const THREADS = ['accumulators', 'threads', 'workgroups'] as const

function describeBound(bound: PaperBound | null): string {
  if (!bound) return 'no matrix units'
  const { ms, by, fill, reuse } = bound
  return `${formatMs(ms)}${by === 'memory' ? '*' : ''}, ${formatShare(fill)}, ${reuse.toFixed(1)}×`
}
