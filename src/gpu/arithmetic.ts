import { SovitError } from '../errors.js'
import type { MatrixShape } from './types.js'

/**
 * How products are computed, beside the precision in which operands are stored.
 * - `f32`: each product and sum in f32
 * - `f16`: products, and sums of 16 of them, in f16, carried into f32; operands must be f16
 * - `matrix`: by matrix units, sums in f32 (or, where units sum in f16, carried into f32 every 32); experimental in browsers
 */
export type Arithmetic = 'f32' | 'f16' | 'matrix'

/** GPUs that multiply f16 no faster than f32 (M1 to M4: dougallj/applegpu), so that f16 sums would buy nothing. */
const EQUAL_RATES = ['apple']

interface Device {
  readonly vendor: string
  readonly software: boolean
  /** Of the precision that is asked for. */
  readonly matrix: MatrixShape | null
}

/** Every arithmetic that a device has for a precision, the fastest of most devices first. */
export function arithmeticsOf(precision: 'f32' | 'f16', { matrix }: Pick<Device, 'matrix'>): readonly Arithmetic[] {
  return [...(matrix ? (['matrix'] as const) : []), ...(precision === 'f16' ? (['f16'] as const) : []), 'f32']
}

/** The arithmetics to try on a device, fastest first; or the one that was asked for. */
export function resolveArithmetics(
  wanted: Arithmetic | 'auto',
  precision: 'f32' | 'f16',
  device: Device,
): readonly Arithmetic[] {
  const known = arithmeticsOf(precision, device)
  if (wanted === 'auto') {
    // Rasterisers emulate both f16 and matrices, which is slower there than f32.
    if (device.software) return ['f32']
    return known.filter((one) => one !== 'f16' || !EQUAL_RATES.includes(device.vendor))
  }
  if (known.includes(wanted)) return [wanted]
  if (wanted === 'f16') {
    throw new SovitError('BAD_OPTION', `Arithmetic 'f16' needs precision f16; the precision is ${precision}.`)
  }
  throw new SovitError(
    'NO_FEATURE',
    `Arithmetic '${wanted}' needs matrix units for precision ${precision}, which this device lacks or does not offer ` +
      `(browsers: an experimental feature behind --enable-unsafe-webgpu). Use auto.`,
  )
}
