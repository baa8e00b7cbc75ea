import { expect, it } from 'vitest'
import { resolveArithmetic } from '../../../src/gpu/arithmetic.js'

const gpu = { vendor: 'nvidia', software: false }

it.each([
  ['f16 sums on a GPU in precision f16', 'f16', gpu, 'f16'],
  ['f32 sums in precision f32', 'f32', gpu, 'f32'],
  ['f32 sums where f16 is no faster', 'f16', { ...gpu, vendor: 'apple' }, 'f32'],
  ['f32 sums on a rasteriser', 'f16', { ...gpu, software: true }, 'f32'],
] as const)('auto takes %s', (_, precision, device, expected) => {
  expect(resolveArithmetic('auto', precision, device)).toBe(expected)
})

it('takes what is asked for, unless the operands are not f16', () => {
  expect(resolveArithmetic('f32', 'f16', gpu)).toBe('f32')
  expect(resolveArithmetic('f16', 'f16', { ...gpu, software: true })).toBe('f16')
  expect(() => resolveArithmetic('f16', 'f32', gpu)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
})
