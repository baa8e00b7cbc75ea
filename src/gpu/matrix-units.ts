/**
 * Subgroup matrices: a Draft of WebGPU (gpuweb/proposals/subgroup-matrix.md), in Chromium behind --enable-unsafe-webgpu,
 * in Dawn behind `allow_unsafe_apis`. Its feature is to be called `subgroup-matrix` when it ships.
 */
export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix' as GPUFeatureName

/** One shape of matrices that a subgroup multiplies at once: result[M,N] += left[M,K] · right[K,N]. */
export interface MatrixConfig {
  /** Element type of both operands. */
  readonly component: 'f32' | 'f16'
  /** Element type of the sum. */
  readonly result: 'f32' | 'f16'
  readonly M: number
  readonly N: number
  readonly K: number
}

export interface MatrixUnits {
  /** Invocations of the largest subgroup: a workgroup's x must be a multiple of it. */
  readonly subgroupSize: number
  /** Floating point shapes, in the adapter's order; at least one. */
  readonly configs: readonly MatrixConfig[]
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
  const { subgroupMaxSize } = info
  return subgroupMaxSize !== undefined && configs.length > 0 ? { subgroupSize: subgroupMaxSize, configs } : null
}

function isFloat(type: string): type is 'f32' | 'f16' {
  return type === 'f32' || type === 'f16'
}
