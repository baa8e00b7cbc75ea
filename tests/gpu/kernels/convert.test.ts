import { beforeAll, describe, expect, it } from 'vitest'
import { convert } from '../../../src/gpu/kernels/convert.js'
import { convertNaive } from '../../../src/gpu/kernels/naive/convert.js'
import type { WeightType } from '../../../src/gpu/kernels/weights.js'
import { testDevice } from '../../support/device.js'
import { bf16ToNumber, f16ToNumber, numberToF16 } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

/** What every element of the result holds before, a NaN in either form, and elements kept after the last one. */
const POISON = 0x7e99
const KEPT = 32

interface Options {
  readonly kernel?: typeof convert
  /** Index of the first element written. */
  readonly first?: number
  /** Words of `status` and the one of this tensor. */
  readonly tensors?: number
  readonly index?: number
  /** Values of `source`, where it holds more than these. */
  readonly E?: number
}

/** Converts raw elements and returns all of the result, poison included, and the status words. */
async function run(from: WeightType, to: 'f32' | 'f16', source: Uint32Array | Uint16Array, options: Options = {}) {
  const { kernel = convert, first = 0, tensors = 1, index = 0, E = source.length } = options
  const targetElements = first + E + KEPT + ((first + E) % 2)
  const result = to === 'f32' ? new Uint32Array(targetElements) : new Uint16Array(targetElements)
  const size = Uint32Array.of(E, first, index, 0)
  const inputs = { source, result: result.fill(POISON), status: new Uint32Array(tensors), size }
  const outputs = await runKernel(device, kernel(from, to), inputs, {
    E,
    words: source.length,
    targetElements,
    tensors,
  })
  const words = outputs.result ?? new Uint32Array()
  const elements = to === 'f32' ? words : new Uint16Array(words.buffer, words.byteOffset, words.length * 2)
  return { elements, status: [...(outputs.status ?? [])] }
}

const ALL_HALVES = Uint16Array.from({ length: 65536 }, (_, i) => i)
const bitsOf = (values: ArrayLike<number>) => new Uint32Array(Float32Array.from(values).buffer)
const isSubnormal = (value: number) => Math.abs(value) < 2 ** -14

/** The first element that is not as expected, in words; any NaN is as good as another. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>, isNaNBits: (bits: number) => boolean) {
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] ?? -1, expected[i] ?? -1]
    if (a !== e && !(isNaNBits(a) && isNaNBits(e))) return `${a.toString(16)} at ${i} instead of ${e.toString(16)}`
  }
  return null
}

const isNaN32 = (bits: number) => (bits & 0x7fffffff) > 0x7f800000
const isNaN16 = (bits: number) => (bits & 0x7fff) > 0x7c00

/** f32 numbers around every f16 number: itself, the tie with the next one, and the f32 neighbours of that tie. */
function aroundHalves(): Uint32Array {
  const values: number[] = []
  for (let half = 0; half < 0x7bff; half++) values.push((f16ToNumber(half) + f16ToNumber(half + 1)) / 2)
  const ties = bitsOf(values)
  const positive = [...bitsOf([...ALL_HALVES.subarray(0, 0x7c00)].map(f16ToNumber))]
  // Subnormal in f32, and between 65504 and the tie with 65536.
  positive.push(...bitsOf([1e-40, 65519, 65519.99]))
  for (const bits of ties) positive.push(bits - 1, bits, bits + 1)
  return Uint32Array.from([...positive, ...positive.map((bits) => (bits | 0x80000000) >>> 0)])
}

describe('to f32, exactly', () => {
  it.each(['f16', 'bf16'] as const)('all 65536 patterns of %s', async (from) => {
    const expected = bitsOf([...ALL_HALVES].map(from === 'f16' ? f16ToNumber : bf16ToNumber))
    const { elements, status } = await run(from, 'f32', ALL_HALVES)
    expect(difference(elements, expected, isNaN32)).toBeNull()
    expect(status).toEqual([2]) // there are infinities and NaN among them
    // The twin computes in floating point, where a device may flush what is subnormal on either side.
    const twin = await run(from, 'f32', ALL_HALVES, { kernel: convertNaive })
    const flushable = from === 'f16' ? 2 ** -14 : 2 ** -126
    const normal = ALL_HALVES.filter((half) => Math.abs(new Float32Array(expected.buffer)[half] ?? 0) >= flushable)
    const pick = (of: ArrayLike<number>) => Array.from(normal, (half) => of[half] ?? -1)
    expect(difference(pick(twin.elements), pick(expected), isNaN32)).toBeNull()
  })

  it('copies f32 as it is, subnormals too', async () => {
    const source = Uint32Array.of(0, 0x80000000, 1, 0x807fffff, 0x3f800000, 0xff7fffff)
    const { elements, status } = await run('f32', 'f32', source)
    expect(elements.slice(0, source.length)).toEqual(source)
    expect(status).toEqual([0])
  })
})

describe('to f16, to the nearest, ties to even', () => {
  it('f32 on, between and around all f16 numbers, subnormals included', async () => {
    const source = aroundHalves()
    const expected = Array.from(new Float32Array(source.buffer), numberToF16)
    const { elements, status } = await run('f32', 'f16', source)
    expect(difference(elements, expected, isNaN16)).toBeNull()
    expect(status).toEqual([0])
    // WGSL lets the twin's pack2x16float round either way, and flush.
    const twin = await run('f32', 'f16', source, { kernel: convertNaive })
    const far = expected.filter((half, i) => {
      return !isSubnormal(f16ToNumber(half)) && Math.abs((twin.elements[i] ?? NaN) - half) > 1
    })
    expect(far).toEqual([])
  })

  it.each(['f16', 'bf16'] as const)('every pattern of %s that fits', async (from) => {
    const number = from === 'f16' ? f16ToNumber : bf16ToNumber
    const source = ALL_HALVES.filter((half) => Math.abs(number(half)) < 65520)
    const { elements, status } = await run(from, 'f16', source)
    expect(
      difference(
        elements,
        Array.from(source, (half) => numberToF16(number(half))),
        isNaN16,
      ),
    ).toBeNull()
    expect(status).toEqual([0])
  })

  const largest = [65504, -65504, 65519.99609375, -65519.99609375] // 65519.996… is the f32 before 65520
  it.each(largest)('%d fits', async (value) => {
    const { elements, status } = await run('f32', 'f16', bitsOf([0, 0, value]))
    expect(elements[2]).toBe(value < 0 ? 0xfbff : 0x7bff)
    expect(status).toEqual([0])
  })

  it.each([65520, -65520, 1e10, 3.4e38, Infinity, -Infinity, NaN])('%d is reported', async (value) => {
    const code = Number.isFinite(value) ? 1 : 2
    for (const place of [0, 1, 4]) {
      const source = bitsOf([1, 2, 3, 4, 5].map((other, i) => (i === place ? value : other)))
      const { elements, status } = await run('f32', 'f16', source, { tensors: 3, index: 1 })
      expect(status).toEqual([0, code, 0])
      const others = [0x3c00, 0x4000, 0x4200, 0x4400, 0x4500]
      expect([...elements.slice(0, 5)].filter((_, i) => i !== place)).toEqual(others.filter((_, i) => i !== place))
    }
  })

  it('reports infinities and NaN of the 16-bit forms', async () => {
    for (const half of [0x7c00, 0xfc00, 0x7e00, 0x7c01]) {
      expect((await run('f16', 'f16', Uint16Array.of(0, half))).status).toEqual([2])
      expect((await run('f16', 'f32', Uint16Array.of(half, 0))).status).toEqual([2])
    }
    // bf16: the smallest above 65504, 65536; infinity; NaN
    for (const [half, code] of [
      [0x4780, 1],
      [0xc780, 1],
      [0x7f80, 2],
      [0x7fc0, 2],
    ] as const) {
      expect((await run('bf16', 'f16', Uint16Array.of(0, half))).status).toEqual([code])
    }
  })
})

describe('from int8', () => {
  const [columns, rows] = [12, 9]
  // f16: subnormal, the largest below which codes fit f16 too, and others.
  const SCALES = [2 ** -24, 3 * 2 ** -24, 2 ** -14, 511, 1, 0.0123, 1e-3, 0, 3.7].map(numberToF16).map(f16ToNumber)
  const codes = Int8Array.from({ length: columns * rows }, (_, i) => ((i * 37) % 256) - 128)

  /** As the upload does: a piece that begins and ends within rows. */
  function piece(first: number, end: number): Uint32Array {
    const scales = SCALES.slice(Math.floor(first / columns), Math.ceil(end / columns))
    const bytes = new Int8Array(Math.ceil((end - first) / 4) * 4)
    bytes.set(codes.subarray(first, end))
    return Uint32Array.of(...new Uint32Array(bytes.buffer), columns, first % columns, ...bitsOf(scales))
  }

  it.each(['f32', 'f16'] as const)('multiplies by the scale of its row: to %s', async (to) => {
    const exact = [...codes].map((code, i) => code * (SCALES[Math.floor(i / columns)] ?? NaN))
    for (const [first, end] of [
      [0, columns * rows],
      [16, 102],
      [40, 56],
    ] as const) {
      const expected = to === 'f32' ? bitsOf(exact) : Uint16Array.from(exact, numberToF16)
      const { elements, status } = await run('i8', to, piece(first, end), { E: end - first, first })
      expect(elements.slice(first, end)).toEqual(expected.slice(first, end))
      expect(elements[first - 1] ?? POISON).toBe(POISON)
      expect(status).toEqual([0])
    }
    const twin = await run('i8', 'f32', piece(16, 102), { E: 86, kernel: convertNaive })
    expect([...new Float32Array(twin.elements.slice(0, 86).buffer)]).toEqual(exact.slice(16, 102))
  })

  it('reports what does not fit f16', async () => {
    const source = Uint32Array.of(0x7f7f7f7f, 4, 0, ...bitsOf([600]))
    expect((await run('i8', 'f16', source, { E: 4 })).status).toEqual([1])
  })
})

describe('keeps to its place', () => {
  const cases = [1, 2, 3, 127, 128, 129, 1001].flatMap((count) => [0, 2, 130].map((first) => ({ count, first })))

  it.each(cases)('$count values from $first on', async ({ count, first }) => {
    const ones = new Uint16Array(count).fill(0x3f80) // 1 in bf16
    const wide = await run('bf16', 'f32', ones, { first })
    const around = (kept: number) => new Array<number>(kept).fill(POISON)
    const tail = wide.elements.length - first - count
    expect([...wide.elements]).toEqual([
      ...around(first),
      ...new Array<number>(count).fill(0x3f800000),
      ...around(tail),
    ])
    const narrow = await run('bf16', 'f16', ones, { first })
    // The last word is written whole.
    const padding = count % 2 ? [0] : []
    const written = [...new Array<number>(count).fill(0x3c00), ...padding]
    expect([...narrow.elements]).toEqual([...around(first), ...written, ...around(tail - padding.length)])
  })

  it('reaches beyond 65535 workgroups', async () => {
    const count = 65535 * 128 + 129
    const source = Uint16Array.from({ length: count }, (_, i) => (i * 31) & 0x7bff)
    const widened = bitsOf([...ALL_HALVES].map(f16ToNumber))
    const { elements } = await run('f16', 'f32', source, { first: 2 })
    let wrong = 0
    source.forEach((half, i) => (wrong += elements[i + 2] === widened[half] ? 0 : 1))
    expect(wrong).toBe(0)
    expect(elements.slice(count + 2).every((word) => word === POISON)).toBe(true)
  })
})
