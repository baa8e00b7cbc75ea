import { builtInModel } from '../built-in.js'
import { whileHolds } from '../checkpoint/abort.js'
import { openCheckpoint } from '../checkpoint/open.js'
import type { LocateOptions } from '../checkpoint/sources.js'
import type { Checkpoint } from '../checkpoint/types.js'
import { SovitError, throwIfAborted } from '../errors.js'
import type { Executor } from '../graph/executor.js'
import type { LogitScale } from '../features/zero-shot.js'
import type { Arithmetic } from '../gpu/arithmetic.js'
import type { Gpu } from '../gpu/device.js'
import { GridTables } from '../model/positions.js'
import { buildExecutor, type BuiltExecutor } from './build.js'
import { describe, type DescribedTower } from './describe.js'
import { checkLoadOptions } from './options.js'
import { LoadProgress } from './progress.js'
import type { LoadInfo, LoadOptions, ModelInfo, ModelSource, PositionMode, Precision } from './types.js'

/** A tower on a device, ready to run, and what is known of it. */
export interface LoadedTower {
  readonly executor: Executor
  readonly model: ModelInfo
  readonly precision: Precision
  readonly arithmetic: Arithmetic
  readonly positions: PositionMode
  readonly grids: GridTables
  readonly logitScale: LogitScale | null
  readonly load: LoadInfo
}

/** Opens a checkpoint, checks it against the network it describes, and brings the network to the device, which opens meanwhile. */
export async function loadTower(
  opening: Promise<Gpu>,
  source: ModelSource,
  options: LoadOptions,
): Promise<LoadedTower> {
  const start = performance.now()
  checkLoadOptions(options)
  const progress = new LoadProgress(source, options.onProgress)
  progress.header()
  const signal = whileHolds(opening, options.signal)
  const opened = { ...kept(source, options), signal, onCacheFailure: progress.cacheFailed }
  return withTower(source, opened, async (checkpoint, tower) => {
    progress.described(tower.model.source, tower.weightBytes)
    const { tuneMs, ...built } = await build(await opening, checkpoint, tower, progress, options)
    const { model, positions, weightBytes } = tower
    // Of a file of its own, as only SigLIP has scores.
    const logitScale = model.config.pooling
      ? await (await import('../checkpoint/logit-scale.js')).readLogitScale(checkpoint, options.signal)
      : null
    throwIfAborted(options.signal, 'The load')
    progress.ready()
    const { fetchedBytes, cachedBytes } = checkpoint
    const load = { ms: performance.now() - start, tuneMs, fetchedBytes, cachedBytes, weightBytes }
    const grids = await GridTables.open(model.config.table, positions)
    return { ...built, model, positions, grids, logitScale, load }
  })
}

/** Opens a checkpoint and checks it against the network it describes, without reading its weights. */
export function describeTower(source: ModelSource, options: LoadOptions): Promise<DescribedTower> {
  return withTower(source, kept(source, options), (_, tower) => Promise.resolve(tower))
}

/** What `use` makes of a checkpoint, which is open for as long, and of what its headers say. */
export async function withTower<T>(
  source: ModelSource,
  options: LoadOptions & LocateOptions,
  use: (checkpoint: Checkpoint, tower: DescribedTower) => Promise<T>,
): Promise<T> {
  const checkpoint = await openCheckpoint(source, options)
  try {
    return await use(checkpoint, await describe(checkpoint, options))
  } finally {
    await checkpoint.close()
  }
}

/** Bytes of the weights that a load would read, and those of them that a cache has already. Asks no server. */
export async function keptWeights(
  source: ModelSource,
  options: LoadOptions,
): Promise<{ readonly kept: number; readonly total: number }> {
  const checkpoint = await openCheckpoint(source, { ...kept(source, options), cacheOnly: true })
  try {
    const { tensors, weightBytes } = await describe(checkpoint, options)
    return { kept: await checkpoint.keptBytes(tensors.values()), total: weightBytes }
  } finally {
    await checkpoint.close()
  }
}

/** Loads are kept unless the caller says otherwise. The built-in model is not worth it: it comes with the page. */
function kept(source: ModelSource, options: LoadOptions): LoadOptions {
  return { ...options, cache: options.cache ?? source !== builtInModel }
}

/** `auto` tries f16 where the device has it, and falls back to f32 when a weight does not fit. */
async function build(
  gpu: Gpu,
  checkpoint: Checkpoint,
  tower: DescribedTower,
  progress: LoadProgress,
  options: LoadOptions,
): Promise<BuiltExecutor> {
  const wanted = options.precision ?? 'auto'
  const f16 = gpu.has('shader-f16')
  if (wanted === 'f16' && !f16) {
    throw new SovitError('NO_FEATURE', `Precision f16 needs 'shader-f16', which this device lacks. Use f32 or auto.`)
  }
  // Of its own file, as few loads have one.
  const { manifest } = options
  const check = manifest && (await import('../checkpoint/manifest.js')).checkOf(manifest, tower.tensors)
  const attempt = (precision: Precision) => buildExecutor(gpu, checkpoint, tower, precision, progress, check, options)
  if (wanted !== 'auto' || !f16) return attempt(wanted === 'auto' ? 'f32' : wanted)
  try {
    return await attempt('f16')
  } catch (error) {
    if (!(error instanceof SovitError && error.code === 'F16_OVERFLOW')) throw error
    return attempt('f32')
  }
}
