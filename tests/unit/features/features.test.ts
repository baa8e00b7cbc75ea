import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cosineMap, meanCenter, pca, pcaColors, viridis } from '../../../src/features/index.js'

interface PcaGolden {
  readonly dims: readonly [number, number]
  readonly tokens: number[]
  readonly components: number[]
  readonly projections: number[]
  readonly variances: number[]
}
// Made by tests/reference/make_feature_goldens.py with numpy's SVD.
const { cases } = JSON.parse(readFileSync('tests/fixtures/pca.json', 'utf8')) as { cases: PcaGolden[] }

function farthest(actual: Float32Array, expected: readonly number[]): number {
  expect(actual).toHaveLength(expected.length)
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? Number.NaN))), 0)
}

const matrix = fc
  .tuple(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 3, max: 12 }))
  .chain(([patches, channels]) =>
    fc.tuple(
      fc.constant([patches, channels] as const),
      fc
        .array(fc.integer({ min: -1000, max: 1000 }), { minLength: patches * channels, maxLength: patches * channels })
        .map((values) => Float32Array.from(values, (v) => v / 100)),
    ),
  )

const bad = expect.objectContaining({ code: 'BAD_OPTION' }) as Error

describe('pca', () => {
  it.each(cases)('agrees with the SVD of numpy for $dims', ({ dims, tokens, ...expected }) => {
    const result = pca(Float32Array.from(tokens), dims)
    expect(farthest(result.components, expected.components)).toBeLessThan(1e-5)
    expect(farthest(result.projections, expected.projections)).toBeLessThan(1e-4)
    expect(farthest(result.variances, expected.variances)).toBeLessThan(1e-5)
  })

  it('explains all variance with all components, in falling order, and gives the tokens back', () => {
    fc.assert(
      fc.property(matrix, ([dims, tokens]) => {
        const [patches, channels] = dims
        const { components, projections, variances } = pca(tokens, dims, channels)
        const centred = meanCenter(tokens, dims)
        const total = centred.reduce((sum, v) => sum + v * v, 0) / patches
        expect(Math.abs(variances.reduce((a, b) => a + b, 0) - total)).toBeLessThan(1e-4 * (1 + total))
        expect([...variances]).toEqual([...variances].sort((a, b) => b - a))
        centred.forEach((value, i) => {
          const row = Math.floor(i / channels)
          let sum = 0
          for (let k = 0; k < channels; k++) {
            sum += (projections[row * channels + k] ?? 0) * (components[k * channels + (i % channels)] ?? 0)
          }
          expect(Math.abs(sum - value)).toBeLessThan(1e-3)
        })
      }),
      { numRuns: 50 },
    )
  })

  it('gives zeros for tokens that are all alike', () => {
    const { projections, variances } = pca(new Float32Array(5 * 4).fill(3), [5, 4])
    expect([...projections, ...variances].every((v) => v === 0)).toBe(true)
  })

  it('gives the same bits for the same tokens', () => {
    const tokens = Float32Array.from(cases[0]?.tokens ?? [])
    expect(pca(tokens, [60, 12])).toEqual(pca(tokens, [60, 12]))
  })

  it('refuses dims that do not fit and components that cannot be', () => {
    expect(() => pca(new Float32Array(12), [3, 5])).toThrow(bad)
    expect(() => pca(new Float32Array(0), [0, 5])).toThrow(bad)
    expect(() => pca(new Float32Array(12), [3, 4], 5)).toThrow(bad)
    expect(() => pca(new Float32Array(12), [3, 4], 0)).toThrow(bad)
  })
})

describe('pcaColors', () => {
  it('tells two groups apart by opposite ends of red, unmoved by one outlier', () => {
    const patches = 100
    const tokens = new Float32Array(patches * 4)
    for (let p = 0; p < patches; p++) tokens[p * 4] = p < 50 ? 0 : 10
    tokens[99 * 4] = 30
    const colors = pcaColors(tokens, [patches, 4])
    expect([colors[0], colors[60 * 3], colors[99 * 3]]).toEqual([0, 255, 255])
    expect([colors[1], colors[2]]).toEqual([128, 128])
  })
})

describe('cosineMap', () => {
  const tokens = Float32Array.of(1, 0, 0, 1, -2, 0, 3, 3, 0, 0)
  const dims = [5, 2] as const

  it('is the cosine of angles between tokens when they are not centred', () => {
    const map = cosineMap(tokens, dims, 0, { center: false })
    const expected = [1, 0, -1, Math.SQRT1_2, 0]
    expect(farthest(map, expected)).toBeLessThan(1e-7)
  })

  it('subtracts the mean token by default', () => {
    const shifted = tokens.map((value) => value + 100)
    expect(farthest(cosineMap(shifted, dims, 3), [...cosineMap(tokens, dims, 3)])).toBeLessThan(1e-4)
    expect(cosineMap(shifted, dims, 3, { center: false }).every((v) => v > 0.99)).toBe(true)
  })

  it('is 1 at the patch itself, within -1 and 1, and symmetric', () => {
    fc.assert(
      fc.property(matrix, fc.nat(), fc.nat(), ([d, t], a, b) => {
        const i = a % d[0]
        const j = b % d[0]
        const map = cosineMap(t, d, i)
        expect(map.every((v) => v >= -1 && v <= 1)).toBe(true)
        expect(map[i] === 0 || Math.abs((map[i] ?? 0) - 1) < 1e-6).toBe(true)
        expect(map[j]).toBeCloseTo(cosineMap(t, d, j)[i] ?? Number.NaN, 6)
      }),
    )
  })

  it.each([-1, 5, 1.5])('refuses patch %d of 5', (index) => {
    expect(() => cosineMap(tokens, dims, index)).toThrow(bad)
  })
})

it('meanCenter leaves a mean of zero in every channel and the input alone', () => {
  const tokens = Float32Array.of(1, 10, 3, 30)
  expect([...meanCenter(tokens, [2, 2])]).toEqual([-1, -10, 1, 10])
  expect([...tokens]).toEqual([1, 10, 3, 30])
})

describe('viridis', () => {
  // viridis(5) of R's viridisLite: the exact map at quarters, most of which are not among our stops.
  it.each([
    [0, [0x44, 0x01, 0x54]],
    [0.25, [0x3b, 0x52, 0x8b]],
    [0.5, [0x21, 0x90, 0x8c]],
    [0.75, [0x5d, 0xc8, 0x63]],
    [1, [0xfd, 0xe7, 0x25]],
  ] as const)('at %d is the published colour to 3 of 255', (t, published) => {
    viridis(t).forEach((value, i) => {
      expect(Math.abs(value - (published[i] ?? Number.NaN))).toBeLessThanOrEqual(3)
    })
  })

  it('clips', () => {
    expect(viridis(-3)).toEqual(viridis(0))
    expect(viridis(7)).toEqual(viridis(1))
    expect(viridis(Number.NaN)).toEqual(viridis(0))
  })
})
