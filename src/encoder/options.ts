import { SovitError } from '../errors.js'
import { POSITION_MODES, type PositionMode } from '../model/positions.js'
import type { EncodeOptions, LoadOptions } from './types.js'

const POSITIONS = Object.fromEntries(['auto', ...POSITION_MODES].map((mode) => [mode, 0])) as Record<
  PositionMode | 'auto',
  0
>

/** What the types say of options whose other values would be taken for something: JavaScript has no other check. */
export function checkLoadOptions({ precision, arithmetic, positions, gelu, heads, merge }: LoadOptions): void {
  expectOneOf('precision', precision, { auto: 0, f32: 0, f16: 0 })
  expectOneOf('arithmetic', arithmetic, { auto: 0, f32: 0, f16: 0, matrix: 0 })
  expectOneOf('positions', positions, POSITIONS)
  expectOneOf('gelu', gelu, { auto: 0, tanh: 0, erf: 0 })
  expectOneOf('heads', heads, { all: 0, none: 0 })
  expectOneOf('merge', merge, { '4x': 0, '16x': 0 })
}

export function checkEncodeOptions({ resample, output, heads }: EncodeOptions): void {
  expectOneOf('resample', resample, { bicubic: 0, bilinear: 0 })
  expectOneOf('output', output, { cpu: 0, gpu: 0 })
  expectOneOf('heads', heads, { all: 0, none: 0 })
}

/** Which piece ready pixel values are: what is no such triple would count as another picture than it is. */
export function checkSource(source: readonly number[] | undefined): void {
  if (source === undefined || (Array.isArray(source) && source.length === 3 && source.every(Number.isInteger))) return
  const wayOut = 'Give three integers: picture, row and column, the last two -1 for an overview'
  throw new SovitError('BAD_OPTION', `source cannot be ${JSON.stringify(source)}. ${wayOut}.`)
}

/** `allowed` has the values as keys: a list could lack one that the type gains, and nothing would tell. */
function expectOneOf<T extends string>(name: string, value: T | undefined, allowed: Readonly<Record<T, 0>>): void {
  if (value === undefined || Object.hasOwn(allowed, value)) return
  const known = Object.keys(allowed).join(', ')
  throw new SovitError('BAD_OPTION', `${name} cannot be ${JSON.stringify(value)}. Choose one of ${known}.`)
}
