import { weightFormat } from '../checkpoint/upload.js'
import type { TensorInfo } from '../checkpoint/types.js'
import { SovitError } from '../errors.js'
import { planNetwork, withKernels, type Plan } from '../graph/plan.js'
import { resolveArithmetics, type Arithmetic } from '../gpu/arithmetic.js'
import { KernelCatalog } from '../gpu/catalog.js'
import type { Gpu } from '../gpu/device.js'
import type { Kernel } from '../gpu/kernel.js'
import type { MatrixShape } from '../gpu/types.js'
import { compile, type Pipeline } from '../gpu/pipeline.js'
import type { Tuning } from '../gpu/tuner.js'
import type { VisionConfig } from '../model/config.js'
import { isStretched, type PositionMode } from '../model/positions.js'
import { hasHeads, sovit } from '../model/sovit.js'
import type { LoadOptions, Precision } from './types.js'

/** A network planned for a device, with the kernels it runs; some of them are compiled already. */
export interface ChosenPlan {
  readonly plan: Plan
  readonly pipelines: ReadonlyMap<Kernel, Pipeline>
  readonly arithmetic: Arithmetic
  readonly tuneMs: number
}

interface Tower {
  readonly config: VisionConfig
  readonly positions: PositionMode
  /** By canonical name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
}

/** Plans with the fastest arithmetic that works: where a driver refuses one, the next is tried. */
export async function choosePlan(
  gpu: Gpu,
  tower: Tower,
  precision: Precision,
  options: LoadOptions,
): Promise<ChosenPlan> {
  const matrix = await matrixOf(gpu, precision)
  const arithmetics = resolveArithmetics(options.arithmetic ?? 'auto', precision, { ...gpu.info, matrix })
  for (const arithmetic of arithmetics.slice(0, -1)) {
    try {
      return await planWith(arithmetic, gpu, tower, precision, matrix, options)
    } catch (error) {
      if (!(error instanceof SovitError && (error.code === 'SHADER' || error.code === 'LIMIT'))) throw error
    }
  }
  return planWith(arithmetics.at(-1) ?? 'f32', gpu, tower, precision, matrix, options)
}

/** Of a file of its own, as no browser has shipped matrices. */
async function matrixOf({ info: { matrixUnits } }: Gpu, precision: Precision): Promise<MatrixShape | null> {
  return matrixUnits && (await import('../gpu/matrix-units.js')).matrixShape(matrixUnits, precision)
}

async function planWith(
  arithmetic: Arithmetic,
  gpu: Gpu,
  { config, positions, tensors }: Tower,
  precision: Precision,
  matrix: MatrixShape | null,
  options: LoadOptions,
): Promise<ChosenPlan> {
  const {
    maxComputeWorkgroupStorageSize: workgroupBytes,
    maxComputeInvocationsPerWorkgroup: invocations,
    maxStorageBufferBindingSize: bindingBytes,
  } = gpu.device.limits
  const { software } = gpu.info
  const stretched = isStretched(positions)
  const { subgroupMinSize: lanes } = gpu.device.adapterInfo
  const [networks, heads, kernels] = await Promise.all([
    hasHeads(config) ? import('../model/head-networks.js') : undefined,
    hasHeads(config) || stretched ? import('../graph/heads.js') : undefined,
    KernelCatalog.open({ arithmetic, software, lanes, matrix, workgroupBytes, invocations }),
  ])
  const stored = (name: string) => weightFormat(tensors.get(name)?.dtype ?? '') ?? 'f32'
  const guess = planNetwork(sovit(config, stretched, networks), { precision, stored, kernels, bindingBytes, heads })
  const start = performance.now()
  const { choices, pipelines } = await tuned(gpu, guess, options)
  const tuneMs = performance.now() - start
  const plan = withKernels(guess, choices)
  if (arithmetic !== 'matrix') return { plan, pipelines, arithmetic, tuneMs }
  // Experimental: whether a driver takes these, and computes what they say, is known before any weight is fetched.
  const all = new Map([...pipelines, ...(await compile(gpu.device, missing(plan, pipelines)))])
  await checkMatrices(gpu, plan, all)
  return { plan, pipelines: all, arithmetic, tuneMs }
}

async function checkMatrices(gpu: Gpu, plan: Plan, pipelines: ReadonlyMap<Kernel, Pipeline>): Promise<void> {
  const { checkProduct } = await import('../gpu/matrix-check.js')
  const exact = ({ kernel }: Plan['steps'][number]) =>
    kernel.name.startsWith('matmul_matrix') && kernel.bindings.some(({ name, type }) => name === 'y' && type === 'f32')
  const step = plan.steps.find(exact)
  const compiled = step && pipelines.get(step.kernel)
  if (compiled) await checkProduct(gpu, compiled)
}

/** Kernels of a plan that are not compiled yet. */
export function missing(plan: Plan, pipelines: ReadonlyMap<Kernel, Pipeline>): readonly Kernel[] {
  return plan.steps.map(({ kernel }) => kernel).filter((kernel) => !pipelines.has(kernel))
}

/** Work of a picture below which measuring costs more than a better choice would win. */
const WORTH_TUNING_FLOPS = 20e9
const ONE_PICTURE = { P: 1024, A: 1024 ** 2 }

/** Before any weight is uploaded, which would disturb the measuring. */
async function tuned(gpu: Gpu, plan: Plan, { tuning = true, signal }: LoadOptions): Promise<Tuning> {
  const { software } = gpu.info
  const flops = plan.steps.reduce((sum, { kernel }) => sum + kernel.flops(ONE_PICTURE), 0)
  const whereItPays = typeof tuning === 'boolean' || (tuning.largeOnly ?? false)
  // A software rasteriser compiles each candidate for a second, and the first is fastest on those there are.
  const unmeasured = tuning === false || (whereItPays && (software || flops < WORTH_TUNING_FLOPS))
  if (unmeasured) return { choices: new Map(), pipelines: new Map() }
  // A file of its own: small networks, and those who do not measure, need not load it.
  const { cacheStore, tune } = await import('../gpu/tuner.js')
  const distinct = [...new Set(plan.steps.map(({ alternatives }) => alternatives))]
  return tune(gpu, distinct, tuning === true ? cacheStore() : tuning, { signal })
}
