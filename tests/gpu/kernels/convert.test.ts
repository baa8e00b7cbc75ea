import { beforeAll, describe, expect, it } from 'vitest'
import { convert } from '../../../src/gpu/kernels/convert.js'
import { convertNaive } from '../../../src/gpu/kernels/naive/convert.js'
import type { WeightType } from '../../../src/gpu/kernels/weights.js'
import { testDevice } from '../../support/device.js'
import { bf16ToNumber, decode, encode, f16ToNumber, normals, numberToF16 } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

const GUARD = 0x7fc0dead

/** Converts `source` to elements `first` and on of a target that has guard words around them. */
async function run(
  kernel: ReturnType<typeof convert>,
  source: Float32Array | Uint16Array,
  to: 'f32' | 'f16',
  first = 8,
) {
  const perWord = to === 'f16' ? 2 : 1
  const used = Math.ceil((first + source.length) / perWord)
  const result = new Uint32Array(used + 8).fill(GUARD)
  const inputs = {
    source,
    result,
    status: new Uint32Array(3),
    size: Uint32Array.of(source.length, first, 1, 0),
  }
  const sizes = { E: source.length, targetElements: result.length * perWord, tensors: 3 }
  const { result: all, status } = await runKernel(device, kernel, inputs, sizes)
  if (!all || !status) throw new Error('convert has no outputs')
  expect([...all.subarray(0, first / perWord), ...all.subarray(used)].every((word) => word === GUARD)).toBe(true)
  return { words: all.slice(first / perWord, used), status: Array.from(status) }
}

/** Values at which rounding to f16 is decided: each f16's neighbourhood and the middle between two, and their tiny kin. */
function roundingEdges(): Float32Array {
  const edges: number[] = [0, -0, 2 ** -24, 2 ** -25, 2 ** -26, 65504, 65519.996, 1e-30, 2 ** -149]
  for (let half = 0; half < 0x7bff; half += 7) {
    const [a, b] = [f16ToNumber(half), f16ToNumber(half + 1)]
    const middle = Math.fround((a + b) / 2)
    edges.push(a, middle, middle * (1 + 2 ** -22), -middle * (1 - 2 ** -22))
  }
  return Float32Array.from(edges)
}

describe('convert', () => {
  it.each(['bf16', 'f16'] as const)('widens every pattern of %s exactly, subnormals included', async (from) => {
    const halves = Uint16Array.from({ length: 65536 }, (_, half) => half)
    const { words } = await run(convert(from, 'f32'), halves, 'f32')
    const got = new Float32Array(words.buffer)
    const toNumber = from === 'bf16' ? bf16ToNumber : f16ToNumber
    expect(Array.from(halves).filter((half) => !Object.is(got[half], toNumber(half)))).toEqual([])
  })

  it('rounds f32 to the nearest f16, ties to even', async () => {
    const source = roundingEdges()
    const { words, status } = await run(convert('f32', 'f16'), source, 'f16')
    const got = Array.from(new Uint16Array(words.buffer)).slice(0, source.length)
    const wrong = Array.from(source, (value, i) => ({ value, got: got[i] ?? -1, want: numberToF16(value) }))
    expect(wrong.filter(({ got, want }) => got !== want)).toEqual([])
    expect(status).toEqual([0, 0, 0])
  })

  it.each([65520, -65520, 1e10, Infinity, -Infinity, NaN])('reports %f, which f16 does not hold', async (value) => {
    const { status } = await run(convert('f32', 'f16'), Float32Array.of(1, 2, value), 'f16')
    expect(status).toEqual([0, 1, 0])
  })

  it.each([1, 2, 3, 127, 128, 129, 1025])(
    'agrees with its naive twin on %i values, and pads the last word',
    async (count) => {
      for (const [from, to] of [
        ['f32', 'f16'],
        ['bf16', 'f16'],
        ['bf16', 'f32'],
        ['f16', 'f32'],
      ] as [WeightType, 'f32' | 'f16'][]) {
        const source = encode(normals(count, count), from)
        const tuned = await run(convert(from, to), source, to)
        const naive = await run(convertNaive(from, to), source, to)
        expect(tuned.words).toEqual(naive.words)
        const values = decode(new Uint8Array(tuned.words.buffer, 0, count * (to === 'f16' ? 2 : 4)), to)
        expect(values).toEqual(
          decode(to === 'f16' ? encode(decode(source, from), 'f16') : Float32Array.from(decode(source, from)), to),
        )
        if (to === 'f16' && count % 2 === 1) expect((tuned.words.at(-1) ?? 1) >>> 16).toBe(0)
      }
    },
  )

  it('stays within 65535 workgroups a dimension', () => {
    const [x, y, z] = convert('bf16', 'f16').workgroups({ E: 4304 * 1152 * 4 })
    expect(Math.max(x, y, z)).toBeLessThanOrEqual(65535)
    expect(x * y * z * 128).toBeGreaterThanOrEqual(4304 * 1152 * 4)
  })
})
