import { SovitError } from '../errors.js'
import type { DeviceInfo } from './device.js'

/**
 * How products are computed, beside the precision in which operands are stored.
 * - `f32`: each product and sum in f32
 * - `f16`: products, and sums of 16 of them, in f16, carried into f32; operands must be f16
 * - `matrix`: by the device's matrix units, sums in f32 or carried into f32 every 32 products; an experimental feature
 *   that browsers have not shipped
 */
export type Arithmetic = 'f32' | 'f16' | 'matrix'

/** GPUs that multiply f16 no faster than f32 (M1 to M4: dougallj/applegpu), so that f16 sums would buy nothing. */
const EQUAL_RATES = ['apple']

/** The fastest arithmetic that a device has for a precision, or the one that was asked for. */
export function resolveArithmetic(
  wanted: Arithmetic | 'auto',
  precision: 'f32' | 'f16',
  device: DeviceInfo,
  hasMatrices: boolean,
): Arithmetic {
  if (wanted === 'matrix' && !hasMatrices) {
    const feature = device.matrixUnits ? `matrix units for ${precision}` : 'subgroup matrices'
    throw new SovitError('NO_FEATURE', `Arithmetic 'matrix' needs ${feature}, which this device lacks. Use 'auto'.`)
  }
  if (wanted === 'f16' && precision !== 'f16') {
    throw new SovitError('BAD_OPTION', `Arithmetic 'f16' needs precision f16; the precision is ${precision}.`)
  }
  if (wanted !== 'auto') return wanted
  // Rasterisers emulate f16 and matrices: both are slower there than f32.
  if (device.software) return 'f32'
  if (hasMatrices) return 'matrix'
  return precision === 'f16' && !EQUAL_RATES.includes(device.vendor) ? 'f16' : 'f32'
}
