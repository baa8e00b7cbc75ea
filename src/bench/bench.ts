import type { Precision } from '../encoder/types.js'
import { throwIfAborted } from '../errors.js'
import { arithmeticsOf, type Arithmetic } from '../gpu/arithmetic.js'
import type { KernelTraits } from '../gpu/catalog.js'
import { Gpu } from '../gpu/device.js'
import { matrixShape } from '../gpu/matrix-units.js'
import type { DeviceInfo } from '../gpu/types.js'
import type { AbortSignal, WebGpu } from '../platform.js'
import { measureEncoder, type EncoderReport } from './encoder.js'
import { measureKernels, type KernelReport } from './kernels.js'
import { measureBandwidth, measurePeaks, type Peak } from './peak.js'
import { measureScaling } from './scaling.js'
import { formatBytes, formatMs, formatRate, formatShare, type Section } from './report.js'
import type { Budget, Timing } from './statistics.js'
import { sovit400m, syntheticTower, towerFile } from './synthetic.js'
import { KernelTimer } from './timer.js'
import { towerWork } from './workload.js'

/** What is measured, and on what. All but `gpu` may be left out. */
export interface BenchOptions {
  /** The WebGPU entry point, e.g. `navigator.gpu`. */
  readonly gpu: WebGpu
  /** Patches along each side of the picture. Default 32, 448×448; on a rasteriser 16 for kernels, and for all with `quick`. */
  readonly side?: number
  /** Blocks of the whole encoder. Default 27; on a rasteriser 1. */
  readonly layers?: number
  /** Fewer runs. */
  readonly quick?: boolean
  /** Also measure up to 10 360 tokens, which takes a rasteriser minutes. Default: on GPUs, unless `quick`. */
  readonly scaling?: boolean
  /** Arithmetics of the encoder, of those that the device has. Default: on a GPU all, on a rasteriser what `auto` takes. */
  readonly arithmetics?: readonly Arithmetic[]
  /** Ends it before whatever would be measured next. */
  readonly signal?: AbortSignal
  /** Is told what is measured next. */
  readonly onPhase?: (what: string) => void
}

/** Precision of the operands, arithmetic of the products. */
export interface Way {
  readonly precision: Precision
  readonly arithmetic: Arithmetic | 'auto'
}

/** What is measured, and how often, on this kind of device. */
export interface BenchPlan {
  readonly side: number
  readonly kernelSide: number
  readonly layers: number
  readonly precisions: readonly Precision[]
  /** How the whole encoder is run, in turn: fastest arithmetic first. */
  readonly ways: readonly Way[]
  readonly kernels: Budget
  readonly encoder: Budget
  /** Null where it is not measured. */
  readonly scaling: Budget | null
}

export function planBench(
  { software, features, matrixUnits }: DeviceInfo,
  { side, layers, quick = false, scaling = !quick && !software, arithmetics }: Omit<BenchOptions, 'gpu'>,
): BenchPlan {
  const precisions: readonly Precision[] = features.includes('shader-f16') ? ['f32', 'f16'] : ['f32']
  const ways = precisions.flatMap((precision): Way[] => {
    if (software && !arithmetics) return [{ precision, arithmetic: 'auto' }]
    const known = arithmeticsOf(precision, { matrix: matrixShape(matrixUnits, precision) }).filter(
      (one) => !arithmetics || arithmetics.includes(one),
    )
    return known.map((arithmetic) => ({ precision, arithmetic }))
  })
  return {
    side: side ?? (software && quick ? 16 : 32),
    // A quarter of the rows costs a rasteriser a quarter of the time, at the same rate.
    kernelSide: side ?? (software ? 16 : 32),
    layers: layers ?? (software ? 1 : 27),
    precisions,
    ways,
    kernels: software ? { ms: quick ? 0 : 500, least: quick ? 1 : 2, most: 5 } : { ms: 300, least: 5, most: 30 },
    encoder: software
      ? { ms: quick ? 0 : 12_000, least: quick ? 1 : 3, most: 9 }
      : { ms: 10_000, least: quick ? 5 : 30, most: 50 },
    scaling: scaling ? { ms: software ? 0 : 2_000, least: software ? 1 : 5, most: 20 } : null,
  }
}

/**
 * Measures a device, its kernels and the whole encoder, on synthetic weights; gives each part when it is ready.
 *
 * @throws SovitError `ABORTED`, `NO_WEBGPU`, `NO_ADAPTER`, `OUT_OF_MEMORY`
 */
export async function* bench(options: BenchOptions): AsyncGenerator<Section> {
  const phase = (what: string): void => {
    throwIfAborted(options.signal, 'The bench')
    options.onPhase?.(what)
  }
  const gpu = await Gpu.open({ gpu: options.gpu })
  const plan = planBench(gpu.info, options)
  const config = sovit400m(plan.layers)
  try {
    yield deviceSection(gpu)
    const timer = new KernelTimer(gpu.device, plan.kernels)
    phase('Measuring what the arithmetic units can do')
    const peaks = await measurePeaks(gpu, timer)
    yield peakSection(peaks, await measureBandwidth(gpu, timer))
    for (const precision of plan.precisions) {
      const reports: KernelReport[] = []
      for await (const report of measureKernels(
        await towerWork(deviceTraits(gpu, precision), config, plan.kernelSide, precision),
        timer,
        peaks,
      )) {
        reports.push(report)
        phase(`Kernels, ${precision}: ${report.step}, ${report.variant || report.kernel}`)
      }
      yield kernelSection(precision, plan.kernelSide, timer, reports)
    }
  } finally {
    gpu.dispose()
  }
  phase(`Making ${plan.layers} blocks of synthetic weights`)
  const file = new Blob(towerFile(syntheticTower(config)))
  const reports: EncoderReport[] = []
  for (const way of plan.ways) {
    phase(`Encoder, ${plan.layers} of 27 blocks, ${way.precision}, arithmetic ${way.arithmetic}`)
    reports.push(await measureEncoder({ ...plan, ...way, gpu: options.gpu, file, budget: plan.encoder }))
  }
  yield encoderSection(reports)
  if (!plan.scaling) return
  const precision = plan.precisions.at(-1) ?? 'f32' // what `auto` takes
  yield await measureScaling({ ...plan, gpu: options.gpu, file, precision, budget: plan.scaling }, phase)
}

/** What could be chosen on a device, not what is. */
function deviceTraits(gpu: Gpu, precision: Precision): KernelTraits[] {
  const { maxComputeWorkgroupStorageSize: workgroupBytes, maxComputeInvocationsPerWorkgroup: invocations } =
    gpu.device.limits
  const { software, matrixUnits } = gpu.info
  const { subgroupMinSize: lanes } = gpu.device.adapterInfo
  const matrix = matrixShape(matrixUnits, precision)
  return arithmeticsOf(precision, { matrix }).map((arithmetic) => {
    return { arithmetic, software, lanes, matrix, workgroupBytes, invocations }
  })
}

function deviceSection({ info, device }: Gpu): Section {
  const { limits, adapterInfo } = device
  const matrices = info.matrixUnits?.configs.map(({ M, N, K, component, result }) => {
    return `${M}×${N}×${K} ${component}→${result}`
  })
  const facts = {
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description,
    features: info.features.join(', '),
    subgroups: `${adapterInfo.subgroupMinSize} to ${adapterInfo.subgroupMaxSize}`,
    'matrix units':
      matrices?.join(', ') ?? 'none, or not offered (an experimental feature that browsers have not shipped)',
    'largest buffer, binding': `${formatBytes(limits.maxBufferSize)}, ${formatBytes(limits.maxStorageBufferBindingSize)}`,
    workgroup: `${limits.maxComputeInvocationsPerWorkgroup} threads, ${limits.maxComputeWorkgroupStorageSize} bytes`,
  }
  return {
    title: 'Device',
    columns: ['what', 'of this device'],
    rows: Object.entries(facts).map(([name, value]) => [name, value || 'not disclosed']),
    notes: info.software ? ['**A software rasteriser: no measure of any GPU.**'] : [],
    data: { ...info, limits: facts.workgroup },
  }
}

function peakSection(peaks: readonly Peak[], bandwidth: number): Section {
  return {
    title: 'Measured peak',
    columns: ['what', 'of this device'],
    rows: [
      ...peaks.map(({ name, flops }) => [`multiply-adds in registers, ${name}`, formatRate(flops)]),
      ['copy, read and written', `${formatBytes(bandwidth)}/s`],
    ],
    notes: [],
    data: { peaks, bandwidth },
  }
}

function kernelSection(
  precision: Precision,
  side: number,
  timer: KernelTimer,
  reports: readonly KernelReport[],
): Section {
  const clock = timer.clock === 'gpu' ? "the device's timestamps" : 'the wall clock around a submit'
  return {
    title: `Kernels, ${precision}, ${side * side} tokens`,
    columns: ['step', 'kernel', 'variant', 'median', 'least to most', 'rate', 'of peak'],
    rows: reports.map(({ step, kernel, variant, timing, flops, share, peak }) => [
      ...[step, kernel, variant, formatMs(timing.median), spread(timing), formatRate(flops)],
      share === null ? '' : `${formatShare(share)} ${peak.split(' ')[0] ?? ''}`,
    ]),
    notes: [`By ${clock}.`],
    data: { precision, tokens: side * side, clock: timer.clock, reports },
  }
}

/** Said wherever matrix units have a figure. */
export const MATRIX_NOTE =
  'Products by matrix units (`matrix`) need subgroup matrices, an experimental feature that no browser has shipped.'

function encoderSection(reports: readonly EncoderReport[]): Section {
  return {
    title: `Encoder, ${reports[0]?.layers ?? 0} of 27 blocks, ${reports[0]?.tokens ?? 0} tokens`,
    columns: [
      'precision',
      'products',
      'load',
      'of it choosing',
      'first',
      'warm p50',
      'p90',
      'on the device',
      'runs',
      'rate',
      'weights',
      'beside them',
      'dispatches',
    ],
    rows: reports.map((report) => [
      ...[report.precision, report.arithmetic],
      ...[formatMs(report.loadMs), formatMs(report.tuneMs), formatMs(report.firstMs)],
      ...[
        formatMs(report.warm.median),
        formatMs(report.warm.p90),
        report.gpuMs === null ? '–' : formatMs(report.gpuMs),
        String(report.warm.runs),
        formatRate(report.flops),
      ],
      ...[formatBytes(report.weightBytes), formatBytes(report.arenaBytes), String(report.dispatches)],
    ]),
    notes: [
      'Wall time, from pixel values to tokens. Synthetic weights: loading includes no download.',
      ...(reports.some(({ arithmetic }) => arithmetic === 'matrix') ? [MATRIX_NOTE] : []),
    ],
    data: reports,
  }
}

/** `4.31 to 4.52 ms`: what the median lies between. */
export function spread({ min, max }: Timing): string {
  return `${formatMs(min).replace(' ms', '')} to ${formatMs(max)}`
}
