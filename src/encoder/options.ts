import { SovitError } from '../errors.js'
import type { EncodeOptions, LoadOptions } from './types.js'

/** What the types say of options whose other values would be taken for something: JavaScript has no other check. */
export function checkLoadOptions({ precision, arithmetic, positions, gelu }: LoadOptions): void {
  expectOneOf('precision', precision, ['auto', 'f32', 'f16'])
  expectOneOf('arithmetic', arithmetic, ['auto', 'f32', 'f16'])
  expectOneOf('positions', positions, ['auto', 'table', 'navit', 'navit-float32'])
  expectOneOf('gelu', gelu, ['auto', 'tanh', 'erf'])
}

export function checkEncodeOptions({ resample, output }: EncodeOptions): void {
  expectOneOf('resample', resample, ['bicubic', 'bilinear'])
  expectOneOf('output', output, ['cpu', 'gpu'])
}

function expectOneOf<T>(name: string, value: T | undefined, allowed: readonly T[]): void {
  if (value === undefined || allowed.includes(value)) return
  throw new SovitError('BAD_OPTION', `${name} cannot be ${JSON.stringify(value)}. Choose one of ${allowed.join(', ')}.`)
}
