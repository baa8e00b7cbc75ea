import type { Checkpoint, StreamOptions, TensorInfo } from '../checkpoint/types.js'
import { uploadWeights } from '../checkpoint/upload.js'
import { Executor } from '../graph/executor.js'
import type { Plan } from '../graph/plan.js'
import type { Arithmetic } from '../gpu/arithmetic.js'
import type { Gpu } from '../gpu/device.js'
import { compile } from '../gpu/pipeline.js'
import { choosePlan, missing } from './choose.js'
import type { LoadProgress } from './progress.js'
import type { LoadOptions, ModelInfo, PositionMode, Precision } from './types.js'

export interface BuiltExecutor {
  readonly executor: Executor
  readonly precision: Precision
  readonly arithmetic: Arithmetic
  readonly tuneMs: number
}

/** A tower's network and where its tensors lie, by canonical name. */
interface Tower {
  readonly model: ModelInfo
  readonly positions: PositionMode
  readonly tensors: ReadonlyMap<string, TensorInfo>
}

/** Plans the network for a device in one precision, chooses its kernels, and uploads its weights. */
export async function buildExecutor(
  gpu: Gpu,
  checkpoint: Checkpoint,
  { model: { config }, positions, tensors }: Tower,
  precision: Precision,
  progress: LoadProgress,
  check: StreamOptions['check'],
  options: LoadOptions,
): Promise<BuiltExecutor> {
  const { plan, pipelines, ...chosen } = await choosePlan(gpu, { config, positions, tensors }, precision, options)
  const reading = { signal: options.signal, onProgress: progress.of(checkpoint), check }
  const kernels = () => compile(gpu.device, missing(plan, pipelines))
  // A rasteriser's compiler takes half a gigabyte and the cores that copying needs: there, one after the other.
  const ready = gpu.info.software ? await kernels() : null
  // Elsewhere both go on at once, the upload's own kernels first; neither is left running behind a failure of the other.
  const [uploaded, compiled] = await Promise.allSettled([
    uploadWeights(gpu, plan.weights, checkpoint, tensors, reading).then(async (places) => {
      await transpose(gpu, plan.weights, places)
      progress.uploaded()
      return places
    }),
    ready ?? kernels(),
  ])
  if (uploaded.status === 'rejected') throw uploaded.reason
  if (compiled.status === 'rejected') throw compiled.reason
  const all = new Map([...pipelines, ...compiled.value])
  return { executor: new Executor(gpu, plan, config.patch, all, uploaded.value), precision, ...chosen }
}

/** Weights that are stored the other way round. A file of its own, as few checkpoints have any. */
async function transpose(gpu: Gpu, weights: Plan['weights'], places: readonly GPUBufferBinding[]): Promise<void> {
  if (!weights.some(({ parts }) => parts.some(({ transposed }) => transposed))) return
  const { transposeWeights } = await import('../gpu/transpose-weights.js')
  await transposeWeights(
    gpu,
    weights.flatMap(({ format, parts: [part] }, i) => {
      const place = places[i]
      return part?.transposed && place ? [{ place, format, sizes: part.transposed }] : []
    }),
  )
}
