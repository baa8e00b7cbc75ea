import { SovitError } from '../errors.js'
import type { DType } from './types.js'

/** The 32 bits of the float32 equal to the IEEE 754 half with these 16 bits. NaN payloads are kept. */
export function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0
  if (fraction === 0) return sign >>> 0
  // Subnormal: fraction · 2^-24. Shift the leading one up to bit 10 and lower the exponent as often.
  const shift = Math.clz32(fraction) - 21
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0
}

/** The 16 bits of the IEEE 754 half nearest to `value`, ties to even; infinity and NaN from 65520 on. */
export function floatToHalf(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude >= 0x38800000) return sign | shiftedRight(magnitude - 0x38000000, 13)
  // Subnormal: in units of 2^-24; all below half a unit is zero.
  const shift = Math.min(126 - (magnitude >>> 23), 25)
  return sign | shiftedRight((magnitude & 0x7fffff) | 0x800000, shift)
}

/** value / 2^shift to the nearest whole number, ties to even. */
function shiftedRight(value: number, shift: number): number {
  return (value + (1 << (shift - 1)) - 1 + ((value >>> shift) & 1)) >>> shift
}

/** Elements of a little-endian F32, F16 or BF16 tensor as float32 (exact); a view where the bytes allow one. */
export function toFloat32(dtype: DType, bytes: Uint8Array): Float32Array {
  if (dtype === 'F32') {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
    return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
  }
  if (dtype !== 'F16' && dtype !== 'BF16') {
    throw new SovitError('TENSOR_DTYPE', `Cannot read ${dtype} as float32. Store the tensor as F32, F16 or BF16.`)
  }
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
  const bits = new Uint32Array(halves.length)
  // By index: iterators take three times as long.
  if (dtype === 'F16') for (let i = 0; i < bits.length; i++) bits[i] = halfToFloatBits(halves[i] ?? 0)
  else for (let i = 0; i < bits.length; i++) bits[i] = (halves[i] ?? 0) << 16
  return new Float32Array(bits.buffer)
}
