import { VisionEncoder } from '../encoder.js'
import { formatBytes, formatMs, formatRate, formatShare, type Section } from './report.js'
import { repeat, type Timing } from './statistics.js'
import { syntheticPixels } from './synthetic.js'
import { towerFlops } from './workload.js'
import type { EncoderRun } from './encoder.js'

/** Pictures of one packed batch: how many, and the patches of each. */
interface Load {
  readonly pictures: number
  readonly grid: readonly [rows: number, columns: number]
}

/** What one load took. */
export interface LoadReport {
  readonly pictures: number
  /** Of all pictures. */
  readonly tokens: number
  readonly timing: Timing
  /** Attention's part of the work on the device, where it has a clock. */
  readonly attention: number | null
  /** FLOP per second at the median. */
  readonly flops: number
  /** GPU bytes beside the weights. */
  readonly arenaBytes: number
}

/** In increasing size: the arena grows with the batch, and never shrinks. 28×37 patches is a slice of MiniCPM-V. */
const LOADS: readonly Load[] = [
  { pictures: 1, grid: [16, 16] },
  { pictures: 1, grid: [32, 32] },
  { pictures: 1, grid: [28, 37] },
  { pictures: 1, grid: [64, 64] },
  { pictures: 1, grid: [70, 70] },
  { pictures: 10, grid: [28, 37] },
]
/** Tokens of the load that others are compared with. */
const COMPARED = 1024

/** Times one encoder on ever more tokens, in one picture and in packed slices. */
export async function measureScaling(
  { gpu, file, layers, precision, budget }: Omit<EncoderRun, 'side'>,
  onPhase: (what: string) => void,
): Promise<Section> {
  const encoder = await VisionEncoder.load(file, { gpu, precision, layers })
  try {
    const weightBytes = encoder.gpuBytes
    const reports: LoadReport[] = []
    for (const load of LOADS) {
      onPhase(`Scaling, ${describe(load)}, ${layers} of 27 blocks, ${precision}`)
      const { config } = encoder.model
      const pixels = syntheticPixels(load.grid[0], config.patch, load.grid[1])
      const pictures = Array.from({ length: load.pictures }, () => ({ pixels }))
      const attention = await attentionShare(encoder, pictures) // which also warms up
      const timing = await repeat(async () => {
        const start = performance.now()
        await encoder.encode(pictures)
        return performance.now() - start
      }, budget)
      const tokens = tokensOf(load)
      const flops = towerFlops(config, tokens, load.pictures) / (timing.median / 1e3)
      const arenaBytes = encoder.gpuBytes - weightBytes
      reports.push({ pictures: load.pictures, tokens, timing, attention, flops, arenaBytes })
    }
    return scalingSection(reports, `${precision}, arithmetic ${encoder.arithmetic}, ${layers} of 27 blocks`)
  } finally {
    encoder.dispose()
  }
}

/** By the device's clock, each step in a pass of its own. */
async function attentionShare(
  encoder: VisionEncoder,
  pictures: readonly { readonly pixels: ReturnType<typeof syntheticPixels> }[],
): Promise<number | null> {
  if (!encoder.device.features.includes('timestamp-query')) {
    await encoder.encode(pictures)
    return null
  }
  const steps = await encoder.profile(pictures)
  const sum = (part: typeof steps) => part.reduce((total, { ms }) => total + ms, 0)
  return sum(steps.filter(({ label }) => label.endsWith('/attention'))) / sum(steps)
}

/** Exported for its test. */
export function scalingSection(reports: readonly LoadReport[], about: string): Section {
  const compared = reports.find(({ tokens }) => tokens === COMPARED)
  const rows = reports.map((report) => {
    const { pictures, tokens, timing, attention, flops, arenaBytes } = report
    const one = reports.find((other) => other.pictures === 1 && other.tokens * pictures === tokens)
    const times = one && pictures > 1 ? `${(timing.median / one.timing.median).toFixed(2)}×` : ''
    return [
      ...[pictures === 1 ? `${tokens} tokens` : `${pictures} of ${tokens / pictures} tokens`, formatMs(timing.median)],
      ...[String(timing.runs), perToken(timing.median / tokens), attention === null ? '–' : formatShare(attention)],
      compared ? relative(report, compared) : '–',
      ...[times, formatRate(flops), formatBytes(arenaBytes / tokens)],
    ]
  })
  return {
    title: `Scaling, ${about}`,
    columns: [
      ...['packed batch', 'median', 'runs', 'a token', 'of it attention', `the rest, to ${COMPARED}`],
      ...['times one', 'rate', 'arena a token'],
    ],
    rows,
    notes: [
      `"The rest": time per token without attention, as a multiple of that at ${COMPARED} tokens. ` +
        'Attention looks at every pair of tokens of a picture, so its time per token grows with the picture; what it ' +
        'keeps does not. "Times one": ten packed pictures against one of them.',
    ],
    data: reports,
  }
}

/** Time per token of all but attention, against that of another load. */
function relative(report: LoadReport, other: LoadReport): string {
  const [one, two] = [report, other].map(({ timing, tokens, attention }) => {
    return ((1 - (attention ?? NaN)) * timing.median) / tokens
  })
  const ratio = (one ?? NaN) / (two ?? NaN)
  return Number.isNaN(ratio) ? '–' : `${ratio.toFixed(2)}×`
}

function perToken(ms: number): string {
  return ms < 0.1 ? `${(1e3 * ms).toPrecision(3)} µs` : formatMs(ms)
}

function describe(load: Load): string {
  return load.pictures === 1 ? `${tokensOf(load)} tokens` : `${load.pictures} packed pictures, ${tokensOf(load)} tokens`
}

function tokensOf({ pictures, grid: [rows, columns] }: Load): number {
  return pictures * rows * columns
}
