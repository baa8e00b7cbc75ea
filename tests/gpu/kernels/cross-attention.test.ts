import { beforeAll, describe, expect, it } from 'vitest'
import type { Kernel } from '../../../src/gpu/kernel.js'
import { crossAttention, type CrossAttentionSpec } from '../../../src/gpu/kernels/cross-attention.js'
import { crossAttentionNaive } from '../../../src/gpu/kernels/naive/cross-attention.js'
import { testDevice } from '../../support/device.js'
import { compare, decode, encode, normals } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

interface Case extends CrossAttentionSpec {
  /** Key rows of each group. */
  readonly rows: readonly number[]
}

/** Queries around the tiles of 16 and around the few that take the other form (4); keys around its blocks (256) and those
 * of the many (8 to 32); every head size named in the checkpoints, and the least and greatest. */
const CASES: readonly Case[] = [
  { heads: 1, headSize: 4, queries: 1, rows: [1, 9], type: 'f32' },
  { heads: 3, headSize: 72, queries: 1, rows: [1, 255, 256, 257, 70], type: 'f32' },
  { heads: 1, headSize: 256, queries: 4, rows: [300], type: 'f32' },
  { heads: 1, headSize: 72, queries: 1, rows: [10_240], type: 'f32' },
  { heads: 2, headSize: 72, queries: 2, rows: [31, 300], type: 'f16' },
  { heads: 1, headSize: 4, queries: 5, rows: [1, 33], type: 'f32' },
  { heads: 3, headSize: 128, queries: 64, rows: [1, 15, 16, 17, 70], type: 'f32' },
  { heads: 1, headSize: 128, queries: 96, rows: [257], type: 'f32' },
  { heads: 2, headSize: 72, queries: 17, rows: [31, 32, 33], type: 'f32' },
  { heads: 1, headSize: 256, queries: 15, rows: [9], type: 'f32' },
  { heads: 1, headSize: 128, queries: 16, rows: [10_240], type: 'f32' },
  { heads: 2, headSize: 128, queries: 64, rows: [5, 70], type: 'f16' },
]

const title = ({ heads, headSize, queries, rows, type }: Case) =>
  `${queries} queries, ${heads}×${headSize} [${rows.join()}] ${type}`
const total = (rows: readonly number[]) => rows.reduce((sum, count) => sum + count, 0)

function inputsOf(of: Case) {
  const { heads, headSize, queries, rows, type } = of
  const C = heads * headSize
  const P = total(rows)
  let first = 0
  const groups = rows.flatMap((count) => [(first += count) - count, count, 0, 0])
  return {
    q: encode(normals(queries * C, 1), type),
    k: encode(normals(P * C, 2), type),
    v: encode(normals(P * C, 3), type),
    groups: Uint32Array.from(groups),
  }
}

type Inputs = ReturnType<typeof inputsOf>

async function run(kernel: Kernel, of: Case, inputs: Inputs): Promise<Float64Array> {
  const B = inputs.groups.length / 4
  const { y } = await runKernel(device, kernel, inputs, { B, P: inputs.k.length / (of.heads * of.headSize) })
  if (!y) throw new Error(`${kernel.name} gave no y`)
  return decode(y, of.type).subarray(0, B * of.queries * of.heads * of.headSize)
}

/** The formula in f64, on the numbers that the format can hold. */
function reference({ heads, headSize: D, queries, type }: Case, inputs: Inputs): Float64Array {
  const C = heads * D
  const [q, k, v] = [decode(inputs.q, type), decode(inputs.k, type), decode(inputs.v, type)]
  const B = inputs.groups.length / 4
  const y = new Float64Array(B * queries * C)
  for (let b = 0; b < B; b++) {
    const [first = 0, rows = 0] = inputs.groups.subarray(4 * b)
    for (let i = 0; i < queries * heads; i++) {
      const at = (i % heads) * D
      const query = Math.floor(i / heads)
      const scores = Float64Array.from({ length: rows }, (_, r) => {
        let sum = 0
        for (let d = at; d < at + D; d++) sum += (q[query * C + d] ?? NaN) * (k[(first + r) * C + d] ?? NaN)
        return sum / Math.sqrt(D)
      })
      const top = scores.reduce((a, b) => Math.max(a, b))
      const weights = scores.map((score) => Math.exp(score - top))
      const sum = weights.reduce((a, b) => a + b)
      const row = y.subarray((b * queries + query) * C + at).subarray(0, D)
      weights.forEach((weight, r) => {
        const value = (first + r) * C + at
        row.forEach((o, d) => (row[d] = o + (weight / sum) * (v[value + d] ?? NaN)))
      })
    }
  }
  return y
}

// About 4 times the worst of lavapipe and SwiftShader: nmse 3.6e-13 and maxAbs 1.1e-6 in f32, 4.5e-8 and 9.7e-4 in f16
// (lavapipe only), which is the rounding of the output. The mean of 10240 values is small beside their rounding: 3.3e-12,
// the naive twin's 5.7e-12.
const BOUNDS = {
  f32: { nmse: 1.2e-12, maxAbs: 6e-6 },
  f16: { nmse: 2.5e-7, maxAbs: 4e-3 },
  long: { nmse: 2.3e-11, maxAbs: 6e-6 },
}

const boundsOf = ({ type, rows }: Case) => BOUNDS[Math.max(...rows) > 1000 ? 'long' : type]

function expectClose(actual: Float64Array, expected: Float64Array, bounds = BOUNDS.f32) {
  const errors = compare(actual, expected)
  expect(errors.nmse).toBeLessThan(bounds.nmse)
  expect(errors.maxAbs).toBeLessThan(bounds.maxAbs)
}

describe('cross attention against f64 and its naive twin', () => {
  it.for(CASES.map((of) => ({ of, name: title(of) })))('$name', async ({ of }, { skip }) => {
    skip(of.type === 'f16' && !device.features.has('shader-f16'), 'no shader-f16')
    const inputs = inputsOf(of)
    const expected = reference(of, inputs)
    expectClose(await run(crossAttention(of), of, inputs), expected, boundsOf(of))
    expectClose(await run(crossAttentionNaive(of), of, inputs), expected, boundsOf(of))
  })
})

// The few queries and the many.
describe.each([
  { heads: 2, headSize: 72, queries: 1, rows: [300], type: 'f32' },
  { heads: 2, headSize: 128, queries: 20, rows: [75], type: 'f32' },
] satisfies Case[])('cross attention of $queries queries', (of: Case) => {
  const C = of.heads * of.headSize

  // A score of size s is known to s·2⁻²⁴ or so, and a weight is off by that much. Worst of both lanes: 1.2e-13, 4.0e-6.
  it.each([1e3, 1e4])('with scores of ±%d', async (scores) => {
    const inputs = inputsOf(of)
    const k = inputs.k.map((value) => (value * scores) / 3)
    const difficult = { ...inputs, k }
    const bounds = { nmse: 1e-12, maxAbs: 2e-5 }
    expectClose(await run(crossAttention(of), of, difficult), reference(of, difficult), bounds)
  })

  it('follows one huge outlier, wherever in a block of keys it is', async () => {
    for (const place of [0, 7, 8, total(of.rows) - 1]) {
      const inputs = inputsOf(of)
      inputs.q.fill(1)
      inputs.k.fill(1e4, place * C, (place + 1) * C)
      const y = await run(crossAttention(of), of, inputs)
      const value = Float64Array.from(inputs.v.subarray(place * C, (place + 1) * C))
      for (let i = 0; i < of.queries; i++) {
        expect(compare(y.subarray(i * C, (i + 1) * C), value).maxAbs).toBeLessThan(1e-6)
      }
    }
  })

  it('gives a group the same bits alone, packed in any order, and again', async () => {
    const packed: Case = { ...of, rows: [1, 37, 300, 2] }
    const inputs = inputsOf(packed)
    const size = of.queries * C
    const together = await run(crossAttention(packed), packed, inputs)
    expect(await run(crossAttention(packed), packed, inputs)).toEqual(together)
    for (const b of [2, 0, 3, 1]) {
      const [first = 0, rows = 0] = inputs.groups.subarray(4 * b)
      const part = (rowsOf: Float32Array | Uint16Array) => rowsOf.slice(first * C, (first + rows) * C)
      const alone = { ...inputs, k: part(inputs.k), v: part(inputs.v), groups: Uint32Array.of(0, rows, 0, 0) }
      expect(await run(crossAttention(of), { ...of, rows: [rows] }, alone)).toEqual(
        together.slice(b * size, (b + 1) * size),
      )
    }
  })

  it('leaves alone rows that belong to no group, and reads shared ones', async () => {
    const gaps: Case = { ...of, rows: [9, 5, 40] }
    const inputs = { ...inputsOf(gaps), groups: Uint32Array.of(14, 40, 0, 0, 0, 9, 0, 0, 0, 14, 0, 0) }
    inputs.k.fill(NaN, 53 * C)
    inputs.groups[1] = 39
    expectClose(await run(crossAttention(gaps), gaps, inputs), reference(gaps, inputs))
  })
})

it('fits the memory and threads that all devices have, for every head', () => {
  for (let headSize = 4; headSize <= 256; headSize += 4) {
    for (const queries of [1, 64]) {
      const kernel = crossAttention({ heads: 1, headSize, queries, type: 'f32' })
      expect(kernel.workgroupBytes).toBeLessThanOrEqual(16384)
      expect(kernel.invocations).toBeLessThanOrEqual(256)
    }
  }
})

it('refuses heads that its vectors or memory cannot hold', () => {
  expect(() => crossAttention({ heads: 1, headSize: 6, queries: 1, type: 'f32' })).toThrow('6')
  expect(() => crossAttention({ heads: 1, headSize: 260, queries: 64, type: 'f32' })).toThrow('256')
})
