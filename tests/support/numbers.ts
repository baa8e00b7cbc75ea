/** Encoding of 16-bit floats, seeded random numbers, and measures of error, for tests. Nothing here comes from `src/`. */

const words = new Uint32Array(1)
const floats = new Float32Array(words.buffer)

const bitsOf = (value: number): number => {
  floats[0] = value
  return words[0] ?? 0
}

const floatOf = (bits: number): number => {
  words[0] = bits
  return floats[0] ?? 0
}

export const bf16ToNumber = (half: number): number => floatOf(half << 16)

/** Nearest bf16, ties to even. */
export function numberToBf16(value: number): number {
  const bits = bitsOf(value)
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

export function f16ToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction)
}

/** Nearest f16, ties to even; infinity from 65520 on. */
export function numberToF16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  if (size >= 65520) return sign | 0x7c00
  const exponent = Math.max(Math.floor(Math.log2(size)), -14)
  const step = 2 ** (exponent - 10)
  const steps = size / step
  const floor = Math.floor(steps)
  const up = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 === 1)
  return sign | ((exponent + 14) * 1024 + floor + (up ? 1 : 0))
}

export type FloatType = 'f32' | 'f16' | 'bf16'

/** Packs numbers as they lie in a buffer of that type. */
export function encode(values: ArrayLike<number>, type: FloatType): Float32Array | Uint16Array {
  if (type === 'f32') return Float32Array.from(values)
  return Uint16Array.from(values, type === 'f16' ? numberToF16 : numberToBf16)
}

/** The numbers in a buffer of that type. */
export function decode(data: ArrayBufferView, type: FloatType): Float64Array {
  const { buffer, byteOffset, byteLength } = data
  if (type === 'f32') return Float64Array.from(new Float32Array(buffer, byteOffset, byteLength / 4))
  return Float64Array.from(
    new Uint16Array(buffer, byteOffset, byteLength / 2),
    type === 'f16' ? f16ToNumber : bf16ToNumber,
  )
}

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** `count` normally distributed numbers (Box and Muller). */
export function normals(count: number, seed: number, scale = 1): Float64Array {
  const next = random(seed)
  return Float64Array.from(
    { length: count },
    () => scale * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  )
}

export interface Errors {
  /** Squared error over squared reference. */
  readonly nmse: number
  readonly maxAbs: number
  readonly cosine: number
}

export function compare(actual: ArrayLike<number>, expected: ArrayLike<number>): Errors {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values against ${expected.length}`)
  let [error, aa, ee, ae, maxAbs] = [0, 0, 0, 0, 0]
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] ?? NaN
    const e = expected[i] ?? NaN
    error += (a - e) ** 2
    aa += a * a
    ee += e * e
    ae += a * e
    if (!(Math.abs(a - e) <= maxAbs)) maxAbs = Math.abs(a - e)
  }
  return { nmse: error / ee, maxAbs, cosine: ae / Math.sqrt(aa * ee) }
}

/** erf in f64: the Maclaurin series below 3, the continued fraction of erfc above (DLMF 7.6.2, 7.9.1). */
export function erf(x: number): number {
  const t = Math.abs(x)
  if (t < 3) {
    let [term, sum] = [t, t]
    for (let i = 1; i < 100; i++) sum += term *= (2 * t * t) / (2 * i + 1)
    return (Math.sign(x) * sum * Math.exp(-t * t) * 2) / Math.sqrt(Math.PI)
  }
  let fraction = t
  for (let i = 60; i > 0; i--) fraction = t + (0.5 * i) / fraction
  return Math.sign(x) * (1 - Math.exp(-t * t) / Math.sqrt(Math.PI) / fraction)
}
