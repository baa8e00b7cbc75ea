import { matrixShape } from '../../src/gpu/matrix-units.js'
import type { Arithmetic, Precision } from '../../src/index.js'
import { testGpu, testMatrixUnits } from './device.js'

/** A way to compute: precision of the operands, arithmetic of the products. */
export interface Tier {
  readonly precision: Precision
  readonly arithmetic: Arithmetic
}

/** Those that the device of the tests has. */
export async function testTiers(): Promise<readonly Tier[]> {
  const features = (await (await testGpu()).requestAdapter())?.features
  const units = await testMatrixUnits()
  const tiers: Tier[] = [{ precision: 'f32', arithmetic: 'f32' }]
  if (features?.has('shader-f16')) {
    tiers.push({ precision: 'f16', arithmetic: 'f32' }, { precision: 'f16', arithmetic: 'f16' })
  }
  for (const precision of ['f32', 'f16'] as const) {
    if (matrixShape(units, precision)) tiers.push({ precision, arithmetic: 'matrix' })
  }
  return tiers
}
