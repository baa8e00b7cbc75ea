/** What matrix units a device has. A file of its own, as no browser has shipped them. */
import { SUBGROUP_MATRIX, SUBGROUP_SIZE_CONTROL } from './features.js'

/** One shape of matrices that a subgroup multiplies at once: result[M,N] += left[M,K] · right[K,N]. */
export interface MatrixConfig {
  /** Element type of both operands. */
  readonly component: 'f32' | 'f16'
  /** Element type of the sum. */
  readonly result: 'f32' | 'f16'
  /** Rows of the result. */
  readonly M: number
  /** Columns of the result. */
  readonly N: number
  /** Terms of each sum. */
  readonly K: number
}

/** What multiplies matrices on a device, and how its invocations are grouped for that. */
export interface MatrixUnits {
  /** Invocations of the subgroups that kernels get; null where that cannot be known, so that no kernel can count on it. */
  readonly lanes: number | null
  /** The device has several sizes: kernels must demand theirs. */
  readonly demand: boolean
  /** Invocations of the largest subgroup: a workgroup's x must be a multiple of it. */
  readonly largest: number
  /** Floating point shapes, in the adapter's order; at least one. */
  readonly configs: readonly MatrixConfig[]
}

/** What a kernel on matrices must know of them. */
export interface MatrixShape extends MatrixConfig {
  /** Invocations of a subgroup. */
  readonly lanes: number
  /** Whether the shader must demand subgroups of `lanes`. */
  readonly demand: boolean
  /** What a workgroup's x must be a multiple of. */
  readonly largest: number
}

/** The part of GPUAdapterInfo that type declarations do not know yet. */
interface ExperimentalInfo {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string
    readonly resultComponentType: string
    readonly M: number
    readonly N: number
    readonly K: number
  }>
}

/** The matrix units of a device that was opened with them, or null. */
export function matrixUnits(info: GPUAdapterInfo, features: GPUSupportedFeatures): MatrixUnits | null {
  if (!features.has(SUBGROUP_MATRIX)) return null
  const configs: MatrixConfig[] = []
  for (const config of (info as ExperimentalInfo).subgroupMatrixConfigs ?? []) {
    const { componentType: component, resultComponentType: result, M, N, K } = config
    if (isFloat(component) && isFloat(result)) configs.push({ component, result, M, N, K })
  }
  const { subgroupMinSize: least, subgroupMaxSize: largest, vendor } = info
  if (least === undefined || largest === undefined || configs.length === 0) return null
  const demand = least !== largest && features.has(SUBGROUP_SIZE_CONTROL)
  return { lanes: lanesOf(vendor, least, largest, demand), demand, largest, configs }
}

/** The narrowest subgroups that multiply matrices on the devices which have several sizes: 16 on Intel, 32 on AMD. */
const NARROWEST = 16

function lanesOf(vendor: string, least: number, largest: number, demand: boolean): number | null {
  if (least === largest) return least
  if (demand) return Math.min(largest, Math.max(least, NARROWEST))
  // Metal tells no sizes, so Dawn says 4 to 64; Apple's have been 32 in all its own GPUs.
  return vendor === 'apple' ? 32 : null
}

/** From most to least wanted: f16 operands are half the traffic; f16 sums must be carried into f32 all the time. */
const FORMS = ['f16→f32', 'f32→f32', 'f16→f16']
/** Larger shapes do not divide the tiles. */
const LARGEST_SIDE = 16

/** The shape that kernels of a precision use, or null where the device has none for it. */
export function matrixShape(units: MatrixUnits | null, precision: 'f32' | 'f16'): MatrixShape | null {
  if (!units?.lanes) return null
  const rank = ({ component, result }: MatrixConfig) => FORMS.indexOf(`${component}→${result}`)
  const work = ({ M, N, K }: MatrixConfig) => M * N * K
  const [best] = units.configs
    .filter((config) => rank(config) >= 0 && (precision === 'f16' || config.component === 'f32'))
    .filter(({ M, N, K }) => [M, N, K].every((side) => side >= 8 && side <= LARGEST_SIDE && side % 8 === 0))
    .sort((a, b) => rank(a) - rank(b) || work(b) - work(a))
  return best ? { ...best, lanes: units.lanes, demand: units.demand, largest: units.largest } : null
}

function isFloat(type: string): type is 'f32' | 'f16' {
  return type === 'f32' || type === 'f16'
}
