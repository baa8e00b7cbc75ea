import { describe, expect, it } from 'vitest'
import { halfToFloatBits, toFloat32 } from '../../../src/checkpoint/half.js'
import { expectError } from './safetensors-cases.js'

const every16 = Uint16Array.from({ length: 65_536 }, (_, i) => i)
const bytesOf = (array: Uint16Array | Float32Array): Uint8Array => new Uint8Array(array.buffer)

/** IEEE 754-2019, 3.4, as arithmetic. */
function halfByDefinition(bits: number): number {
  const sign = bits >> 15 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

describe('16-bit floats', () => {
  it('F16: all 65 536 values equal the definition', () => {
    const wrong = [...toFloat32('F16', bytesOf(every16))].findIndex((x, i) => !Object.is(x, halfByDefinition(i)))
    expect(wrong).toBe(-1)
  })

  it('F16: a NaN keeps its sign and payload', () => {
    expect(halfToFloatBits(0xfe01)).toBe(0xffc02000)
  })

  it('BF16: all 65 536 values are the upper halves of float32', () => {
    const expected = new DataView(new ArrayBuffer(4))
    const wrong = [...toFloat32('BF16', bytesOf(every16))].findIndex((x, i) => {
      expected.setUint16(0, i)
      return !Object.is(x, expected.getFloat32(0))
    })
    expect(wrong).toBe(-1)
  })

  it.each(['F32', 'F16', 'BF16'] as const)('%s: bytes may lie anywhere', (dtype) => {
    const aligned = dtype === 'F32' ? bytesOf(Float32Array.of(1.5, -2)) : bytesOf(Uint16Array.of(0x3c00, 0xc000))
    const shifted = new Uint8Array(aligned.length + 1)
    shifted.set(aligned, 1)
    expect(toFloat32(dtype, shifted.subarray(1))).toEqual(toFloat32(dtype, aligned))
  })

  it('refuses other dtypes', () => expectError(() => toFloat32('I32', new Uint8Array(4)), 'TENSOR_DTYPE', 'I32'))
})
