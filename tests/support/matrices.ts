import { matrixShape } from '../../src/gpu/matrix-units.js'
import type { MatrixConfig, MatrixShape, MatrixUnits } from '../../src/gpu/types.js'

/** Each shape of matrices that a device has. */
export function shapesOf(units: MatrixUnits | null): readonly MatrixShape[] {
  if (!units) return []
  return units.configs.flatMap((config) => matrixShape({ ...units, configs: [config] }, config.component) ?? [])
}

/** Shapes that GPUs have and no device here, for `emulateMatrices`: NVIDIA and AMD, NVIDIA, Intel, Apple, and sums in f16. */
const EMULATED: readonly MatrixConfig[] = [
  { component: 'f16', result: 'f32', M: 16, N: 16, K: 16 },
  { component: 'f16', result: 'f32', M: 16, N: 8, K: 16 },
  { component: 'f16', result: 'f32', M: 8, N: 16, K: 16 },
  { component: 'f32', result: 'f32', M: 8, N: 8, K: 8 },
  { component: 'f16', result: 'f16', M: 16, N: 16, K: 16 },
]

export function emulatedShapes(halves: boolean): readonly MatrixShape[] {
  const possible = EMULATED.filter(({ component }) => halves || component === 'f32')
  return possible.map((config) => ({ ...config, lanes: 1, demand: false, largest: 1 }))
}

export const nameOf = ({ M, N, K, component, result }: MatrixConfig): string => `${M}×${N}×${K} ${component}→${result}`
