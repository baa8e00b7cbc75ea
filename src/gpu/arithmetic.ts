import { SovitError } from '../errors.js'

/**
 * How products are computed, beside the precision in which operands are stored.
 * - `f32`: each product and sum in f32
 * - `f16`: products, and sums of 16 of them, in f16, carried into f32; operands must be f16
 */
export type Arithmetic = 'f32' | 'f16'

/** GPUs that multiply f16 no faster than f32 (M1 to M4: dougallj/applegpu), so that f16 sums would buy nothing. */
const EQUAL_RATES = ['apple']

/** The fastest arithmetic that a device has for a precision, or the one that was asked for. */
export function resolveArithmetic(
  wanted: Arithmetic | 'auto',
  precision: 'f32' | 'f16',
  device: { readonly vendor: string; readonly software: boolean },
): Arithmetic {
  if (wanted === 'f16' && precision !== 'f16') {
    throw new SovitError('BAD_OPTION', `Arithmetic 'f16' needs precision f16; the precision is ${precision}.`)
  }
  if (wanted !== 'auto') return wanted
  // Rasterisers emulate f16, which is slower there than f32.
  const faster = precision === 'f16' && !device.software && !EQUAL_RATES.includes(device.vendor)
  return faster ? 'f16' : 'f32'
}
