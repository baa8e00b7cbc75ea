import { throwIfAborted } from '../errors.js'
import type { Alternatives } from './catalog.js'
import type { Gpu } from './device.js'
import type { TuningStore } from './types.js'
import { BoundKernel } from './bound-kernel.js'
import { sizeTable, type Kernel, type RunSizes } from './kernel.js'
import { attentionTiles } from './kernels/attention.js'
import { compile, type Pipeline } from './pipeline.js'
import { fingerprint } from './tuning-store.js'

export { cacheStore } from './tuning-store.js'

export interface Tuning {
  /** What was chosen instead of the first of some alternatives. */
  readonly choices: ReadonlyMap<Kernel, Kernel>
  /** What was compiled for measuring. */
  readonly pipelines: ReadonlyMap<Kernel, Pipeline>
}

export interface TuneOptions {
  readonly signal?: AbortSignal
  /** Milliseconds after which nothing further is compiled or measured. Default: little beside a load. */
  readonly budgetMs?: number
}

const BUDGET_MS = { gpu: 300, software: 3000 }
/** Rows to measure with: one picture's at 448×448, or on slow devices as many as take some `SLICE_MS`. */
const MOST_ROWS = 1024
const FEWEST_ROWS = 64
const ONE_PICTURE: RunSizes = { P: MOST_ROWS, A: MOST_ROWS ** 2 }
/** Work between two looks at the clock, which costs some tenths of a millisecond itself. */
const SLICE_MS = 3
const MOST_REPEATS = 16
/** The best of these counts, after one run to warm up: disturbances only ever add. */
const RUNS = 3

/**
 * Chooses among alternatives by running them on buffers of zeros. All compute the same bits, so that a choice can be
 * slow but never wrong. What is remembered is not measured again; a step for which time did not suffice is left for the
 * next load, when a driver may have its kernels in a cache. A store that fails is as good as none.
 *
 * @throws SovitError `ABORTED`, `LIMIT`, `SHADER`, `OUT_OF_MEMORY`
 */
export async function tune(
  gpu: Gpu,
  steps: readonly Alternatives[],
  store: TuningStore | null,
  { signal, budgetMs = BUDGET_MS[gpu.info.software ? 'software' : 'gpu'] }: TuneOptions = {},
): Promise<Tuning> {
  const open = steps.filter(({ length }) => length > 1)
  const key = fingerprint(gpu, open)
  const known = recall(open, await store?.get(key).catch(() => null))
  const choices = new Map(known)
  const unknown = open.filter(([first]) => !known.has(first)).sort((a, b) => work(b) - work(a))
  const pipelines = new Map<Kernel, Pipeline>()
  const deadline = performance.now() + budgetMs
  const timeIsUp = (): boolean => performance.now() >= deadline
  for (const alternatives of unknown) {
    throwIfAborted(signal, 'The load')
    const { kernel, all } = await fastest(gpu, alternatives, pipelines, timeIsUp)
    choices.set(alternatives[0], kernel)
    if (all) known.set(alternatives[0], kernel)
  }
  if (unknown.some(([first]) => known.has(first))) {
    const variants = open.map(([first]) => known.get(first)?.variant ?? null)
    await store?.set(key, JSON.stringify(variants)).catch(() => undefined)
  }
  return { choices, pipelines }
}

/** The steps that weigh most are measured first. */
function work([guess]: Alternatives): number {
  return guess.flops(ONE_PICTURE)
}

/** The kernels of remembered variants, by the first of their alternatives. */
function recall(steps: readonly Alternatives[], json: string | null | undefined): Map<Kernel, Kernel> {
  const variants = parseList(json ?? '')
  const known = new Map<Kernel, Kernel>()
  if (variants?.length !== steps.length) return known
  for (const [i, alternatives] of steps.entries()) {
    const kernel = alternatives.find(({ variant }) => variant === variants[i])
    if (kernel) known.set(alternatives[0], kernel)
  }
  return known
}

function parseList(json: string): readonly unknown[] | null {
  try {
    const parsed = JSON.parse(json) as unknown
    return Array.isArray(parsed) ? parsed : null
  } catch {
    return null
  }
}

/** The best of what was measured before time was up, and whether that was all. */
async function fastest(
  gpu: Gpu,
  alternatives: Alternatives,
  pipelines: Map<Kernel, Pipeline>,
  timeIsUp: () => boolean,
): Promise<{ readonly kernel: Kernel; readonly all: boolean }> {
  const [guess] = alternatives
  if (timeIsUp()) return { kernel: guess, all: false }
  for (const [kernel, compiled] of await compile(gpu.device, alternatives)) pipelines.set(kernel, compiled)
  if (timeIsUp()) return { kernel: guess, all: false }
  const slices = SLICE_MS / (await measure(gpu, guess, pipelines, { rows: FEWEST_ROWS, repeats: 1 }))
  const rows = FEWEST_ROWS * clamp(Math.floor(slices), 1, MOST_ROWS / FEWEST_ROWS)
  const repeats = clamp(Math.floor((slices * FEWEST_ROWS) / rows), 1, MOST_REPEATS)
  let best = { kernel: guess, ms: Infinity }
  for (const kernel of alternatives) {
    if (timeIsUp()) return { kernel: best.kernel, all: false }
    const ms = await measure(gpu, kernel, pipelines, { rows, repeats })
    if (ms < best.ms) best = { kernel, ms }
  }
  return { kernel: best.kernel, all: true }
}

/** Milliseconds of one dispatch over the rows of one image. */
async function measure(
  gpu: Gpu,
  kernel: Kernel,
  pipelines: ReadonlyMap<Kernel, Pipeline>,
  { rows: P, repeats }: { readonly rows: number; readonly repeats: number },
): Promise<number> {
  const compiled = pipelines.get(kernel)
  if (!compiled) return Infinity
  const tiles = attentionTiles([P], kernel.queryTile ?? P)
  const run: RunSizes = { P, T: tiles.length / 4, A: P * P }
  const alone = new BoundKernel(gpu, compiled, run, { tiles, size: sizeTable(P, kernel) })
  try {
    const times: number[] = []
    for (let i = 0; i <= RUNS; i++) times.push(await time(gpu.device, alone, repeats))
    gpu.check()
    return Math.min(...times.slice(1)) / repeats
  } finally {
    alone.free()
  }
}

async function time(device: GPUDevice, alone: BoundKernel, repeats: number): Promise<number> {
  const start = performance.now()
  const encoder = device.createCommandEncoder({ label: 'tuner' })
  alone.record(encoder, repeats)
  device.queue.submit([encoder.finish()])
  await device.queue.onSubmittedWorkDone()
  return performance.now() - start
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}
