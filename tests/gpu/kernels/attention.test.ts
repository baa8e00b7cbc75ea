import { beforeAll, describe, expect, it } from 'vitest'
import { DIRECT_VARIANTS } from '../../../src/gpu/kernels/attention-direct.js'
import { ATTENTION_VARIANTS, attentionTiles } from '../../../src/gpu/kernels/attention.js'
import type { Kernel } from '../../../src/gpu/kernel.js'
import { testDevice } from '../../support/device.js'
import { attentionNaiveOf, attentionOf, VARIANTS } from '../../support/kernels.js'
import { compare, decode, encode, normals, random } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'
import { ATTENTION_CASES, type AttentionCase } from './attention-cases.js'
import { type Floats, inputOf, pairs, reference, title, total, width } from './attention-reference.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

async function run(kernel: Kernel, of: AttentionCase, qkv: Floats): Promise<Float64Array> {
  const tiles = attentionTiles(of.segments, kernel.queryTile ?? 1)
  const sizes = { P: total(of.segments), T: tiles.length / 4, A: pairs(of.segments) }
  const { y } = await runKernel(device, kernel, { qkv, tiles }, sizes)
  if (!y) throw new Error('attention gave no y')
  return decode(y, of.type).subarray(0, sizes.P * width(of))
}

/** One variant of each shader file; the others differ in constants only. */
const SHADERS: readonly string[] = ['4x4-32', 'direct-8', 'direct-16']

/** Runs variants, which must agree to the last bit. */
async function runAll(variants: readonly string[], of: AttentionCase, qkv: Floats): Promise<Float64Array> {
  const runs: Float64Array[] = []
  for (const variant of variants) runs.push(await run(attentionOf({ ...of, variant }), of, qkv))
  const [first, ...others] = runs
  if (!first) throw new Error('no variant')
  others.forEach((y, i) =>
    expect(
      y.findIndex((v, k) => v !== first[k]),
      variants[i + 1],
    ).toBe(-1),
  )
  return first
}

// About 4 times the worst of lavapipe and SwiftShader: nmse 2.8e-13 and maxAbs 1.4e-6 (head of 256) in f32, 6.2e-8 and
// 4.3e-4 in f16 (lavapipe only), which is the rounding of the output.
const BOUNDS = {
  f32: { nmse: 1.2e-12, maxAbs: 6e-6 },
  f16: { nmse: 2.5e-7, maxAbs: 2e-3 },
}

function expectClose(actual: Float64Array, expected: Float64Array, bounds = BOUNDS.f32) {
  const errors = compare(actual, expected)
  expect(errors.nmse).toBeLessThan(bounds.nmse)
  expect(errors.maxAbs).toBeLessThan(bounds.maxAbs)
  expect(errors.cosine).toBeGreaterThan(1 - bounds.nmse)
}

describe('attention against f64 and its naive twin', () => {
  it.for(ATTENTION_CASES.map((of) => ({ of, name: title(of) })))('$name', async ({ of }, { skip }) => {
    skip(of.type === 'f16' && !device.features.has('shader-f16'), 'no shader-f16')
    const qkv = inputOf(of)
    const expected = reference(of, qkv)
    expectClose(await runAll(SHADERS, of, qkv), expected, BOUNDS[of.type])
    expectClose(await run(attentionNaiveOf(of), of, qkv), expected, BOUNDS[of.type])
  })
})

describe('attention of difficult numbers', () => {
  const of: AttentionCase = { heads: 2, headSize: 72, segments: [75], type: 'f32' }
  const C = width(of)

  // A score of size s is known to s·2⁻²⁴ or so, and a weight is off by that much. Worst of both lanes: nmse 3.7e-11,
  // maxAbs 1.8e-4, where two scores are close.
  it.each([1e3, 1e4])('scores of ±%d', async (scores) => {
    const qkv = inputOf(of)
    const factor = Math.sqrt(scores / 3)
    qkv.forEach((value, i) => (qkv[i] = i % (3 * C) < 2 * C ? value * factor : value))
    expectClose(await runAll(SHADERS, of, qkv), reference(of, qkv), { nmse: 1.5e-10, maxAbs: 7e-4 })
  })

  it('gives the mean of the values when all keys are the same', async () => {
    const qkv = inputOf(of)
    for (let p = 1; p < 75; p++) qkv.copyWithin(p * 3 * C + C, C, 2 * C)
    expectClose(await run(attentionOf(of), of, qkv), reference(of, qkv))
  })

  it('follows one huge outlier, wherever in a block of keys it is', async () => {
    for (const place of [0, 7, 8, 74]) {
      const qkv = inputOf(of)
      qkv.fill(1e4, place * 3 * C + C, place * 3 * C + 2 * C)
      for (let p = 0; p < 75; p++) qkv.fill(1, p * 3 * C, p * 3 * C + C)
      const y = await run(attentionOf(of), of, qkv)
      const value = Float64Array.from(qkv.subarray(place * 3 * C + 2 * C, (place + 1) * 3 * C))
      for (let p = 0; p < 75; p++) expect(compare(y.subarray(p * C, (p + 1) * C), value).maxAbs).toBeLessThan(1e-6)
    }
  })

  it('keeps values of 1e4 finite in f16', async ({ skip }) => {
    skip(!device.features.has('shader-f16'), 'no shader-f16')
    const half: AttentionCase = { ...of, type: 'f16' }
    const signs = random(5)
    const numbers = normals(75 * 3 * C, 6)
    const qkv = encode(
      numbers.map((n, i) => (i % (3 * C) < 2 * C ? n : signs() < 0.5 ? -1e4 : 1e4)),
      'f16',
    )
    const bounds = { ...BOUNDS.f16, maxAbs: 8 }
    expectClose(await run(attentionOf(half), half, qkv), reference(half, qkv), bounds)
  })
})

it('gives an image the same bits alone, packed, and again, with every variant of a GPU and of a CPU', async () => {
  const packed: AttentionCase = { heads: 1, headSize: 72, segments: [1, 37, 130, 2], type: 'f32' }
  const { maxComputeWorkgroupStorageSize: most } = device.limits
  const variants = VARIANTS.filter((variant) => attentionOf({ ...packed, variant }).workgroupBytes <= most)
  const C = width(packed)
  const qkv = inputOf(packed)
  const together = await runAll(variants, packed, qkv)
  let first = 0
  for (const rows of packed.segments) {
    const alone: AttentionCase = { ...packed, segments: [rows] }
    const y = await run(attentionOf(alone), alone, qkv.slice(first * 3 * C, (first + rows) * 3 * C))
    expect(y).toEqual(together.slice(first * C, (first + rows) * C))
    first += rows
  }
})

it.each([
  ['GPU', ATTENTION_VARIANTS],
  ['CPU', DIRECT_VARIANTS],
])('offers every %s a variant for every head within the memory and threads that all devices have', (_, variants) => {
  for (let headSize = 4; headSize <= 256; headSize += 4) {
    const shapes = variants.map(({ shape }) => shape(headSize))
    for (const { threads } of shapes) expect(threads).toBeLessThanOrEqual(256)
    expect(Math.min(...shapes.map(({ workgroupBytes }) => workgroupBytes))).toBeLessThanOrEqual(16384)
  }
})

it('counts work by image: the squared rows of each', () => {
  const kernel = attentionOf({ heads: 2, headSize: 72, type: 'f32' })
  expect(kernel.flops({ P: 12, A: 10 * 10 + 2 * 2 })).toBe(4 * 104 * 144)
})

it('cuts images into tiles that never cross an image', () => {
  expect([...attentionTiles([1, 130], 64)]).toEqual([0, 1, 0, 1, 1, 64, 1, 130, 65, 64, 1, 130, 129, 2, 1, 130])
})

it('refuses heads that its vectors or memory cannot hold', () => {
  expect(() => attentionOf({ heads: 1, headSize: 6, type: 'f32' })).toThrow('6')
  expect(() => attentionOf({ heads: 1, headSize: 260, type: 'f32' })).toThrow('256')
})
