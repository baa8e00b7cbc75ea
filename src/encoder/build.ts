import { whileHolds } from '../checkpoint/abort.js'
import type { Checkpoint, StreamOptions, TensorInfo } from '../checkpoint/types.js'
import { beginUpload, uploadWeights } from '../checkpoint/upload.js'
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
  const kernels = missing(plan, pipelines)
  // Compilers have few threads: the upload's own kernels go first, so that bytes are on their way while the network's compile.
  const upload = beginUpload(gpu, plan.weights, tensors)
  const compiling = compile(gpu.device, kernels)
  // What is refused stops the download. Neither is left running behind a failure of the other.
  const reading = { signal: whileHolds(compiling, options.signal), onProgress: progress.of(checkpoint), check }
  const [uploaded, ready] = await Promise.allSettled([
    uploadWeights(gpu, plan.weights, upload, checkpoint, tensors, reading).then(async (places) => {
      await transpose(gpu, plan.weights, places)
      progress.uploaded()
      return places
    }),
    compiling,
  ])
  gpu.check() // of a lost device, all else fails too
  if (ready.status === 'rejected') throw ready.reason
  if (uploaded.status === 'rejected') throw uploaded.reason
  const all = new Map([...pipelines, ...ready.value])
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
