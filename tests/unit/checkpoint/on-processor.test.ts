/** What is NaN or infinite is found at every place, whatever lies beside it. */
import { describe, expect, it } from 'vitest'
import { areFinite, inForm, isForProcessor } from '../../../src/checkpoint/on-processor.js'
import { bf16ToNumber, f16ToNumber } from '../../support/numbers.js'

const OTHERS = { f16: [0, 0xfbff, 0x7bff], bf16: [0, 0xff7f, 0x7f7f] }

describe.each([
  ['bf16', bf16ToNumber],
  ['f16', f16ToNumber],
] as const)('%s', (form, toNumber) => {
  it.each([0, 1, 7, 8, 9])('each of its values, as number %i of 10', (place) => {
    for (const other of OTHERS[form]) {
      const halves = new Uint16Array(10).fill(other)
      const wrong = Array.from({ length: 65536 }, (_, half) => half).filter((half) => {
        halves[place] = half
        return areFinite(new Uint8Array(halves.buffer), form) !== Number.isFinite(toNumber(half))
      })
      expect(wrong).toEqual([])
    }
  })
})

describe('f32', () => {
  const bits = [0, 0x80000000, 1, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x3f800000]
  const none = [0x7f800000, 0xff800000, 0x7f800001, 0x7fc00000, 0xffffffff]

  it.each([0, 1, 3, 4, 5])('as number %i of 6', (place) => {
    for (const others of bits) {
      for (const value of [...bits, ...none]) {
        const words = new Uint32Array(6).fill(others)
        words[place] = value
        expect(areFinite(new Uint8Array(words.buffer), 'f32'), value.toString(16)).toBe(bits.includes(value))
      }
    }
  })
})

it('bytes may lie anywhere', () => {
  for (const shift of [0, 1, 2, 3]) {
    const bytes = new Uint8Array(40).subarray(shift, shift + 20)
    expect(areFinite(bytes, 'f32')).toBe(true)
    bytes.set([0, 0, 0x80, 0x7f], 16)
    expect(areFinite(bytes, 'f32')).toBe(false)
  }
})

it('int8 is finite', () => {
  expect(areFinite(new Uint8Array(5).fill(0xff), 'i8')).toBe(true)
})

it('an odd number of halves becomes f32', () => {
  const ones = Uint8Array.from([0x80, 0x3f, 0x80, 0xbf, 0, 0])
  expect([...new Float32Array(inForm('BF16', ones, 'f32').slice().buffer)]).toEqual([1, -1, 0])
  expect(inForm('BF16', ones, 'bf16')).toBe(ones)
})

it('what is rounded, or has scales, is for kernels', () => {
  expect(isForProcessor('f32', 'f16') || isForProcessor('bf16', 'f16') || isForProcessor('i8', 'f32')).toBe(false)
  expect(isForProcessor('i8', 'i8') && isForProcessor('f16', 'f32') && isForProcessor('bf16', 'bf16')).toBe(true)
})
