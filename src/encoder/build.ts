import type { Checkpoint, TensorInfo } from '../checkpoint/types.js'
import { uploadWeights, weightFormat } from '../checkpoint/upload.js'
import { Executor } from '../graph/executor.js'
import { planNetwork, withKernels, type Plan } from '../graph/plan.js'
import { resolveArithmetic, type Arithmetic } from '../gpu/arithmetic.js'
import { KernelCatalog } from '../gpu/catalog.js'
import type { Gpu } from '../gpu/device.js'
import { compile } from '../gpu/pipeline.js'
import type { Tuning } from '../gpu/tuner.js'
import { sovit } from '../model/sovit.js'
import type { LoadProgress } from './progress.js'
import type { LoadOptions, ModelInfo, Precision } from './types.js'

export interface BuiltExecutor {
  readonly executor: Executor
  readonly precision: Precision
  readonly arithmetic: Arithmetic
  readonly tuneMs: number
}

/** A tower's network and where its tensors lie, by canonical name. */
interface Tower {
  readonly model: ModelInfo
  readonly tensors: ReadonlyMap<string, TensorInfo>
}

/** Plans the network for a device in one precision, chooses its kernels, and uploads its weights. */
export async function buildExecutor(
  gpu: Gpu,
  checkpoint: Checkpoint,
  { model: { config }, tensors }: Tower,
  precision: Precision,
  progress: LoadProgress,
  options: LoadOptions,
): Promise<BuiltExecutor> {
  const arithmetic = resolveArithmetic(options.arithmetic ?? 'auto', precision, gpu.info)
  const stored = (name: string) => weightFormat(tensors.get(name)?.dtype ?? '') ?? 'f32'
  const { maxComputeWorkgroupStorageSize: workgroupBytes, maxComputeInvocationsPerWorkgroup: invocations } =
    gpu.device.limits
  const kernels = await KernelCatalog.open({ arithmetic, software: gpu.info.software, workgroupBytes, invocations })
  const guess = planNetwork(sovit(config), config, { precision, stored, kernels })

  const start = performance.now()
  const { choices, pipelines } = await tuned(gpu, guess, options)
  const tuneMs = performance.now() - start
  const plan = withKernels(guess, choices)
  const missing = plan.steps.map(({ kernel }) => kernel).filter((kernel) => !pipelines.has(kernel))
  // Kernels compile while the weights arrive; neither is left running behind a failure of the other.
  const [compiled, uploaded] = await Promise.allSettled([
    compile(gpu.device, missing),
    uploadWeights(gpu, plan.weights, checkpoint, tensors, { signal: options.signal, onProgress: progress.bytes }),
  ])
  if (uploaded.status === 'rejected') throw uploaded.reason
  if (compiled.status === 'rejected') throw compiled.reason
  const all = new Map([...pipelines, ...compiled.value])
  return { executor: new Executor(gpu, plan, config.patch, all, uploaded.value), precision, arithmetic, tuneMs }
}

/** Work of a picture below which measuring costs more than a better choice would win. */
const WORTH_TUNING_FLOPS = 20e9
const ONE_PICTURE = { P: 1024, A: 1024 ** 2 }

/** Before any weight is uploaded, which would disturb the measuring. */
async function tuned(gpu: Gpu, plan: Plan, { tuning = true, signal }: LoadOptions): Promise<Tuning> {
  const flops = plan.steps.reduce((sum, { kernel }) => sum + kernel.flops(ONE_PICTURE), 0)
  const largeOnly = typeof tuning === 'boolean' || (tuning.largeOnly ?? false)
  if (tuning === false || (largeOnly && flops < WORTH_TUNING_FLOPS)) {
    return { choices: new Map(), pipelines: new Map() }
  }
  // A file of its own: small networks, and those who choose by rule, need not load it.
  const { cacheStore, tune } = await import('../gpu/tuner.js')
  const distinct = new Set(plan.steps.map(({ alternatives }) => alternatives))
  return tune(gpu, [...distinct], tuning === true ? cacheStore() : tuning, signal)
}
