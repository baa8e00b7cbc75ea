import { describe, expect, it } from 'vitest'
import {
  attentionMatrix,
  attentionMatrixFits,
  type AttentionMatrixVariant,
  attentionMatrixVariants,
} from '../../../src/gpu/kernels/attention-matrix.js'
import { attentionTiles } from '../../../src/gpu/kernels/attention.js'
import { SUBGROUP_MATRIX } from '../../../src/gpu/features.js'
import type { MatrixShape } from '../../../src/gpu/types.js'
import { testDevice, testMatrixUnits } from '../../support/device.js'
import { shapesOf } from '../../support/matrices.js'
import { compare, decode, encode, normals } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'
import type { AttentionCase } from './attention-cases.js'
import { type Floats, inputOf, pairs, reference, title, total, width } from './attention-reference.js'

const device = await testDevice()
const matrices = shapesOf(await testMatrixUnits()).filter((matrix) =>
  attentionMatrixFits({ heads: 1, headSize: 4, type: 'f16' }, matrix),
)
/** A device without matrices has nothing to run; the first test holds that it is so. */
const without = matrices.length === 0

/** All variants on small heads, which compile fast on a software driver: matrices half empty, one and several a head. */
const SMALL: readonly AttentionCase[] = [
  { heads: 1, headSize: 4, segments: [1, 9], type: 'f16' },
  { heads: 2, headSize: 12, segments: [129, 33], type: 'f16' },
]
/** Around the edges of blocks of keys (16 or 32) and of query tiles. */
const LARGE: readonly AttentionCase[] = [
  { heads: 2, headSize: 72, segments: [1, 7, 31, 32, 33, 257], type: 'f16' },
  { heads: 2, headSize: 72, segments: [1032, 2], type: 'f16' },
]

async function run(of: AttentionCase, matrix: MatrixShape, variant: AttentionMatrixVariant, qkv: Floats) {
  const kernel = attentionMatrix(of, matrix, variant)
  const tiles = attentionTiles(of.segments, kernel.queryTile ?? 1)
  const sizes = { P: total(of.segments), T: tiles.length / 4, A: pairs(of.segments) }
  const { y } = await runKernel(device, kernel, { qkv, tiles }, sizes)
  if (!y) throw new Error('attention gave no y')
  return decode(y, of.type).subarray(0, sizes.P * width(of))
}

const differsAt = (x: Float64Array, y: Float64Array) => x.findIndex((value, i) => !Object.is(value, y[i]))

/** Runs all variants that the device has the memory for, which must agree to the last bit. */
async function runAll(of: AttentionCase, matrix: MatrixShape, qkv: Floats): Promise<Float64Array> {
  const { maxComputeWorkgroupStorageSize: most } = device.limits
  let first: Float64Array | undefined
  for (const variant of attentionMatrixVariants(matrix)) {
    if (attentionMatrix(of, matrix, variant).workgroupBytes > most) continue
    const y = await run(of, matrix, variant, qkv)
    first ??= y
    expect(differsAt(y, first), variant.variant).toBe(-1)
  }
  if (!first) throw new Error('no variant fits')
  return first
}

// About 4 times the worst of lavapipe: nmse 9.6e-8, maxAbs 9.8e-4: the rounding of weights and of the output.
const BOUNDS = { nmse: 4e-7, maxAbs: 4e-3 }

function expectClose(actual: Float64Array, expected: Float64Array, bounds = BOUNDS) {
  const errors = compare(actual, expected)
  expect(errors.nmse).toBeLessThan(bounds.nmse)
  expect(errors.maxAbs).toBeLessThan(bounds.maxAbs)
}

/** Runs `test` with every matrix of the device that fits. */
async function withMatrices(test: (matrix: MatrixShape, variant: AttentionMatrixVariant) => Promise<void>) {
  for (const matrix of matrices) await test(matrix, { variant: 'of tests', subgroups: 4, tiles: 1 })
}

it('knows matrices where the device has their feature, and only there', () => {
  expect(matrices.length > 0).toBe(device.features.has(SUBGROUP_MATRIX))
})

describe.skipIf(without)('attention on matrix units against f64', () => {
  it.for(SMALL.map((of) => ({ of, name: title(of) })))('$name, all variants', async ({ of }) => {
    const qkv = inputOf(of)
    await withMatrices(async (matrix) => expectClose(await runAll(of, matrix, qkv), reference(of, qkv)))
  })

  it.for(LARGE.map((of) => ({ of, name: title(of) })))('$name', async ({ of }) => {
    const qkv = inputOf(of)
    await withMatrices(async (matrix, variant) => {
      expectClose(await run(of, matrix, variant, qkv), reference(of, qkv))
    })
  })

  it('shares rows between lanes, and lets subgroups be smaller than the largest', async () => {
    const of: AttentionCase = { heads: 2, headSize: 12, segments: [129, 33], type: 'f16' }
    const qkv = inputOf(of)
    await withMatrices(async (matrix) => {
      const variant = { variant: 'of two', subgroups: 2, tiles: 1 }
      for (const lanes of [4 * matrix.M, 16 * matrix.M]) {
        expect(await run(of, { ...matrix, lanes }, variant, qkv)).toEqual(await run(of, matrix, variant, qkv))
      }
    })
  })
})

describe.skipIf(without)('attention on matrix units, of difficult numbers', () => {
  const of: AttentionCase = { heads: 2, headSize: 72, segments: [75], type: 'f16' }
  const C = width(of)
  /** Noise, with queries, keys and values (`part` 0 to 2) of some rows changed. */
  const inputWith = (change: (value: number, part: number, row: number) => number) =>
    encode(
      normals(75 * 3 * C, 1).map((value, i) => change(value, Math.floor(i / C) % 3, Math.floor(i / (3 * C)))),
      'f16',
    )

  it.for([10, 80, 1e3])('scores of ±%d', async (scores) => {
    const qkv = inputWith((value, part) => (part < 2 ? value * Math.sqrt(scores / 3) : value))
    await withMatrices(async (matrix, variant) => {
      expectClose(await run(of, matrix, variant, qkv), reference(of, qkv))
    })
  })

  it.for([0.002, 0.02, 1])('scores that rise by %d of √D with each key', async (slope) => {
    const qkv = inputWith((value, part, row) => [1, row * slope, value][part] ?? NaN)
    await withMatrices(async (matrix, variant) => {
      expectClose(await run(of, matrix, variant, qkv), reference(of, qkv))
    })
  })

  it('leaves a row its bits, whatever the rows beside it do', async () => {
    const keys = (value: number, row: number) => value + 0.1 * row
    const calm = inputWith((value, part, row) => (part === 1 ? keys(value, row) : value))
    const wild = inputWith((value, part, row) => {
      if (part === 0 && row % 2 === 1) return 3
      return part === 1 ? keys(value, row) : value
    })
    await withMatrices(async (matrix, variant) => {
      const a = await run(of, matrix, variant, calm)
      const b = await run(of, matrix, variant, wild)
      const differs = Array.from(
        { length: 75 },
        (_, p) => differsAt(a.subarray(p * C, p * C + C), b.subarray(p * C, p * C + C)) >= 0,
      )
      expect(differs).toEqual(differs.map((_, p) => p % 2 === 1))
      expectClose(b, reference(of, wild))
    })
  })

  it('gives the mean of the values when all keys are the same', async () => {
    const qkv = inputWith((value, part) => (part === 1 ? 0.5 : value))
    await withMatrices(async (matrix, variant) => {
      expectClose(await run(of, matrix, variant, qkv), reference(of, qkv))
    })
  })

  it.for([0, 31, 32, 74])('follows one huge outlier at key %d', async (place) => {
    const qkv = inputWith((value, part, row) => (part === 0 ? 1 : part === 1 && row === place ? 1e4 : value))
    const value = decode(qkv, 'f16').subarray(place * 3 * C + 2 * C, (place + 1) * 3 * C)
    await withMatrices(async (matrix, variant) => {
      const y = await run(of, matrix, variant, qkv)
      for (let p = 0; p < 75; p++) expect(y.subarray(p * C, (p + 1) * C)).toEqual(value)
    })
  })

  it('keeps values of 6e4 finite', async () => {
    const qkv = inputWith((value, part) => (part === 2 ? Math.sign(value) * 6e4 : value))
    const bounds = { ...BOUNDS, maxAbs: 50 }
    await withMatrices(async (matrix, variant) => {
      expectClose(await run(of, matrix, variant, qkv), reference(of, qkv), bounds)
    })
  })
})

it.skipIf(without)('gives an image the same bits alone, packed, and again', async () => {
  const packed: AttentionCase = { heads: 2, headSize: 72, segments: [1, 37, 130, 2], type: 'f16' }
  const C = width(packed)
  const qkv = inputOf(packed)
  await withMatrices(async (matrix, variant) => {
    const together = await run(packed, matrix, variant, qkv)
    expect(await run(packed, matrix, variant, qkv)).toEqual(together)
    let first = 0
    for (const rows of packed.segments) {
      const alone: AttentionCase = { ...packed, segments: [rows] }
      const y = await run(alone, matrix, variant, qkv.slice(first * 3 * C, (first + rows) * 3 * C))
      expect(y).toEqual(together.slice(first * C, (first + rows) * C))
      first += rows
    }
  })
})

const NVIDIA = { lanes: 32, demand: false, largest: 32 }
const MATRIX: MatrixShape = { component: 'f16', result: 'f32', M: 16, N: 16, K: 16, ...NVIDIA }

it('has a variant for every head and every matrix known, within the 32 KiB and 256 threads of such devices', () => {
  for (const [component, M, N, K] of [
    ['f16', 8, 8, 8],
    ['f16', 16, 16, 16],
    ['f16', 16, 8, 16],
    ['f16', 16, 8, 8],
    ['f16', 8, 16, 16],
    ['f32', 8, 8, 8],
  ] as const) {
    const matrix: MatrixShape = { component, result: 'f32', M, N, K, ...NVIDIA }
    for (let headSize = 4; headSize <= 128; headSize += 4) {
      const kernels = attentionMatrixVariants(matrix).map((variant) =>
        attentionMatrix({ heads: 1, headSize, type: 'f16' }, matrix, variant),
      )
      for (const { invocations } of kernels) expect(invocations).toBeLessThanOrEqual(256)
      const most = headSize <= 72 ? kernels.slice(0, 1) : kernels // the best guess, or any
      expect(Math.min(...most.map(({ workgroupBytes }) => workgroupBytes))).toBeLessThanOrEqual(32768)
    }
  }
})

it('refuses heads it cannot hold, and matrices that round more than weights', () => {
  const [variant] = attentionMatrixVariants(MATRIX)
  if (!variant) throw new Error('no variant')
  const of = (headSize: number, type: 'f32' | 'f16', matrix: Partial<MatrixShape> = {}) =>
    attentionMatrix({ heads: 1, headSize, type }, { ...MATRIX, ...matrix }, variant)
  expect(() => of(6, 'f16')).toThrow('6')
  expect(() => of(132, 'f16')).toThrow('128')
  expect(() => of(72, 'f32')).toThrow('f16→f32')
  expect(() => of(72, 'f16', { result: 'f16' })).toThrow('f16→f16')
})
