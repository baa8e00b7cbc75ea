import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DTYPE_BITS } from '../../../src/checkpoint/dtype.js'
import { readSafetensors } from '../../../src/checkpoint/safetensors-read.js'
import { encodeSafetensors } from '../../../src/checkpoint/safetensors-write.js'
import type { DType } from '../../../src/checkpoint/types.js'
import { SovitError } from '../../../src/errors.js'
import { concat, expectError, pattern } from './safetensors-cases.js'
import { seeded } from './seed.js'

const dtypes = Object.keys(DTYPE_BITS) as DType[]

/** At most 8 tensors of at most 8 axes, as the reference's property test. */
const tensors = fc.uniqueArray(
  fc
    .record({
      name: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('7', '__proto__', 'constructor', 'a"b')),
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 }),
    })
    .filter(({ name }) => name !== '__metadata__')
    .map(({ name, dtype, shape }) => {
      const bits = shape.reduce((a, b) => a * b, 1) * DTYPE_BITS[dtype]
      const whole = bits % 8 === 0 ? { dtype, shape } : { dtype, shape: [...shape, 4] }
      return { name, ...whole, data: pattern((bits % 8 === 0 ? bits : bits * 4) / 8, bits) }
    }),
  { maxLength: 8, selector: ({ name }) => name },
)

describe('round trip', () => {
  it('gives back every tensor, at any dtype and shape', () => {
    fc.assert(
      fc.property(tensors, (written) => {
        const read = readSafetensors(concat(encodeSafetensors(written)))
        expect(read.size).toBe(written.length)
        for (const { name, dtype, shape, data } of written) expect(read.get(name)).toEqual({ dtype, shape, data })
      }),
      seeded(),
    )
  })

  it('begins the data at a multiple of 8 and orders it by width, then name', () => {
    const tensor = (name: string, dtype: DType, bytes: number) => ({
      name,
      dtype,
      shape: [1],
      data: new Uint8Array(bytes),
    })
    const parts = encodeSafetensors([tensor('a', 'U8', 1), tensor('z', 'F32', 4), tensor('c', 'F32', 4)], { k: 'v' })
    expect(parts[0]?.length).toSatisfy((n: number) => n % 8 === 0)
    expect([...readSafetensors(concat(parts)).keys()]).toEqual(['c', 'z', 'a'])
  })

  it('refuses names used twice and data that does not fit', async () => {
    const one = { name: 'a', dtype: 'F32', shape: [2], data: new Float32Array(2) } as const
    await expectError(() => encodeSafetensors([one, one]), 'BAD_OPTION', '"a"')
    await expectError(() => encodeSafetensors([{ ...one, name: '__metadata__' }]), 'BAD_OPTION', '__metadata__')
    await expectError(() => encodeSafetensors([{ ...one, shape: [3] }]), 'BAD_OPTION', '"a"', 12, 8)
  })
})

describe('files written by the reference', () => {
  // tests/reference/make_safetensors_fixture.py
  const bytes = new Uint8Array(readFileSync(new URL('fixtures/reference.safetensors', import.meta.url)))

  it('are read, names, shapes, dtypes and bytes', () => {
    const read = readSafetensors(bytes)
    expect([...read.keys()].sort()).toEqual(['bytes', 'empty', 'half', 'naïve/名', 'scalar', 'single'])
    expect(read.get('half')).toEqual({
      dtype: 'F16',
      shape: [2, 2],
      data: Uint8Array.of(0, 0x3c, 0, 0xc0, 0, 0x38, 0xff, 0x7b),
    })
    expect(read.get('scalar')).toEqual({ dtype: 'I64', shape: [], data: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0) })
    expect(read.get('empty')).toEqual({ dtype: 'F32', shape: [3, 0], data: new Uint8Array(0) })
    expect(read.get('bytes')).toEqual({ dtype: 'U8', shape: [5], data: Uint8Array.of(0, 1, 2, 3, 4) })
    expect(read.get('single')?.data).toEqual(new Uint8Array(Float32Array.of(1.5, -2.25, 3e38).buffer))
    expect(read.get('naïve/名')).toEqual({ dtype: 'BF16', shape: [1, 1, 2], data: Uint8Array.of(0x80, 0x3f, 0, 0xc0) })
  })

  it('are written by us byte for byte', () => {
    const ours = encodeSafetensors(
      [...readSafetensors(bytes)].map(([name, tensor]) => ({ name, ...tensor })),
      { format: 'pt' },
    )
    expect(Buffer.from(concat(ours)).equals(bytes)).toBe(true)
  })
})

describe('damaged files', () => {
  const whole = concat(
    encodeSafetensors([
      { name: 'encoder.weight', dtype: 'F32', shape: [2, 3], data: new Float32Array(6) },
      { name: 'encoder.bias', dtype: 'BF16', shape: [3], data: new Uint8Array(6) },
      { name: 'empty', dtype: 'F16', shape: [0, 3], data: new Uint8Array(0) },
    ]),
  )
  const mutation = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: fc.nat(whole.length - 1), value: fc.nat(255) }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat(whole.length), value: fc.nat(40) }),
    fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(whole.length), value: fc.nat(40) }),
  )

  function damage(bytes: Uint8Array, { kind, at, value }: { kind: string; at: number; value: number }): Uint8Array {
    if (kind === 'set') return bytes.with(Math.min(at, bytes.length - 1), value)
    const rest = kind === 'cut' ? bytes.subarray(at + value) : bytes.subarray(Math.max(0, at - value))
    return concat([bytes.subarray(0, at), rest])
  }

  it('fail with a SovitError or are valid, never otherwise', () => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        const damaged = mutations.reduce((bytes, one) => (bytes.length > 0 ? damage(bytes, one) : bytes), whole)
        try {
          const total = [...readSafetensors(damaged).values()].reduce((sum, { data }) => sum + data.length, 0)
          expect(total).toBeLessThanOrEqual(damaged.length)
        } catch (error) {
          if (!(error instanceof SovitError)) throw error
          expect(error.code).toBe('BAD_SAFETENSORS')
        }
      }),
      seeded(3000),
    )
  })

  it('of any bytes fail with a SovitError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.string(), (bytes, text) => {
        for (const header of [bytes, new TextEncoder().encode(`{${text}`)]) {
          const file = concat([Uint8Array.of(header.length, 0, 0, 0, 0, 0, 0, 0), header])
          try {
            readSafetensors(file)
          } catch (error) {
            expect(error).toBeInstanceOf(SovitError)
          }
        }
      }),
      seeded(),
    )
  })
})
