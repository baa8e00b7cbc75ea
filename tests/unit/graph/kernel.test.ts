import { describe, expect, test } from 'vitest'
import { bindingBytes, specialise, type Binding, type Specialisation } from '../../../src/gpu/kernel.js'

const SHADER = `alias Elem = f32;
const K: u32 = 4u;
const SCALE = 1.5;
// const K: u32 = 1u; in words
@compute @workgroup_size(1) fn main() { const K2 = K; }
`

describe('specialise', () => {
  test('replaces the values of top-level declarations, and nothing else', () => {
    const code = specialise(SHADER, { consts: { K: '588u', SCALE: '$1' } })
    expect(code).toBe(SHADER.replace('K: u32 = 4u', 'K: u32 = 588u').replace('1.5', () => '$1'))
  })

  test('an f16 alias enables f16 in front', () => {
    expect(specialise(SHADER, { aliases: { Elem: 'f16' } })).toBe(`enable f16;\n${SHADER.replace('f32', 'f16')}`)
    expect(specialise(SHADER, { aliases: { Elem: 'vec4<f16>' } })).toMatch(/^enable f16;\n/)
    expect(specialise(SHADER, { aliases: { Elem: 'u32' } })).toMatch(/^alias Elem = u32;/)
  })

  test.each<Specialisation>([{ consts: { N: '1u' } }, { consts: { K2: '1u' } }, { aliases: { K: 'f16' } }])(
    '%j is an error',
    (values) => {
      expect(() => specialise(SHADER, values)).toThrow(expect.objectContaining({ code: 'SHADER' }))
    },
  )
})

describe('bindingBytes', () => {
  const binding = (type: Binding['type'], ...shape: (string | number)[]): Binding => ({
    name: 'x',
    access: 'read',
    type,
    shape,
  })

  test('looks letters up in the kernel first, then in the run, and rounds up to words', () => {
    expect(bindingBytes(binding('f32', 'P', 'C'), { C: 3 }, { P: 5 })).toBe(60)
    expect(bindingBytes(binding('bf16', 'C'), { C: 3 }, { C: 100 })).toBe(8)
    expect(bindingBytes(binding('f16', 2, 2), {}, {})).toBe(8)
    expect(bindingBytes(binding('u32', 'P', 4), {}, { P: 7 })).toBe(112)
  })

  test('an unknown letter is an error', () => {
    expect(() => bindingBytes(binding('f32', 'Z'), { C: 3 }, { P: 5 })).toThrow(/Z/)
  })
})
