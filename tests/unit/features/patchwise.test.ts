import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  crossCosineMap,
  foreground,
  matchPatches,
  zeroShot,
  zeroShotMap,
  type Dims,
  type TokenMap,
} from '../../../src/features/index.js'

interface Goldens {
  readonly foreground: readonly {
    readonly grid: readonly [number, number]
    readonly dims: Dims
    readonly tokens: number[]
    readonly unlike: number[]
  }[]
  readonly matches: readonly {
    readonly patches: readonly [number, number]
    readonly channels: number
    readonly tokens: number[]
    readonly cosines: number[]
    readonly pairs: readonly (readonly [number, number])[]
  }[]
  readonly zeroShotMap: readonly {
    readonly dims: Dims
    readonly tokens: number[]
    readonly texts: number[]
    readonly scale: number
    readonly bias: number
    readonly probabilities: number[]
  }[]
}
// Made by tests/reference/make_feature_goldens.py with numpy in float64.
const goldens = JSON.parse(readFileSync('tests/fixtures/patchwise.json', 'utf8')) as Goldens

/** Both sides are float32 near 1: a few units in the last place. */
const NEAR = 1e-6

function expectNear(actual: Float32Array, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length)
  actual.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN)), `value ${i}`).toBeLessThan(NEAR))
}

/** Refused with both numbers. */
function expectRefused(wrong: () => unknown, ...numbers: number[]): void {
  expect(wrong).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }) as Error)
  for (const number of numbers) expect(wrong).toThrow(new RegExp(`(?<![\\d.-])${number}(?![\\d.]\\d)`))
}

describe('foreground', () => {
  it.each(goldens.foreground)("agrees with numpy's cosines for a grid of $grid", ({ grid, dims, tokens, unlike }) => {
    expectNear(foreground(Float32Array.from(tokens), dims, grid), unlike)
  })

  it('parts an object from its background', () => {
    const object = (p: number): boolean => [5, 6, 9, 10].includes(p)
    const tokens = Float32Array.from({ length: 32 }, (_, i) => (i % 2 === Number(object(i >> 1)) ? 1 : 0))
    expect([...foreground(tokens, [16, 2], [4, 4])]).toEqual(Array.from({ length: 16 }, (_, p) => Number(object(p))))
  })

  it('refuses a grid, dims and tokens that do not fit each other', () => {
    expectRefused(() => foreground(new Float32Array(20), [10, 2], [3, 4]), 3, 4, 10)
    expectRefused(() => foreground(new Float32Array(21), [10, 2], [2, 5]), 20, 21)
    expectRefused(() => foreground(new Float32Array(0), [0, 2], [0, 0]))
  })
})

/** The two pictures of a golden, whose tokens stand one behind the other. */
function pictures({ patches, channels, tokens }: Goldens['matches'][number]): [TokenMap, TokenMap] {
  const [first, second] = patches
  const all = Float32Array.from(tokens)
  const edge = first * channels
  return [
    { tokens: all.subarray(0, edge), dims: [first, channels] },
    { tokens: all.subarray(edge), dims: [second, channels] },
  ]
}

/**
 * Two pictures of whole numbers, of 16 patches together: sums of them and their mean are exact in any order, so that both
 * directions see the same bits, ties too.
 */
const pair = fc.tuple(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 5 })).chain(([first, channels]) => {
  const picture = (patches: number): fc.Arbitrary<TokenMap> =>
    fc
      .array(fc.integer({ min: -9, max: 9 }), { minLength: patches * channels, maxLength: patches * channels })
      .map((values) => ({ tokens: Float32Array.from(values), dims: [patches, channels] }))
  return fc.tuple(picture(first), picture(16 - first))
})

/** The first of the largest. */
const nearest = (cosines: Float32Array): number => cosines.indexOf(Math.max(...cosines))

describe('crossCosineMap', () => {
  it.each(goldens.matches)("agrees with numpy's cosines for $patches patches", (golden) => {
    const [from, to] = pictures(golden)
    const columns = golden.patches[1]
    for (let i = 0; i < golden.patches[0]; i++) {
      expectNear(crossCosineMap(from, i, to), golden.cosines.slice(i * columns, (i + 1) * columns))
    }
  })

  it('is symmetric, and within -1 and 1', () => {
    fc.assert(
      fc.property(pair, fc.nat(), fc.nat(), ([a, b], x, y) => {
        const [i, j] = [x % a.dims[0], y % b.dims[0]]
        const map = crossCosineMap(a, i, b)
        expect(map.every((value) => value >= -1 && value <= 1)).toBe(true)
        expect(map[j]).toBe(crossCosineMap(b, j, a)[i])
      }),
    )
  })

  it('is 0 where a token has no length', () => {
    const [one, mean] = [Float32Array.of(1, 2, 3, 6), Float32Array.of(2, 4)]
    expect([...crossCosineMap({ tokens: one, dims: [2, 2] }, 0, { tokens: mean, dims: [1, 2] })]).toEqual([0])
  })

  it('refuses patches that are not there, and pictures of two models', () => {
    const [from, to] = [
      { tokens: new Float32Array(20), dims: [5, 4] },
      { tokens: new Float32Array(30), dims: [6, 5] },
    ] as const
    for (const index of [-1, 5, 1.5]) expectRefused(() => crossCosineMap(from, index, from), index, 4)
    expectRefused(() => crossCosineMap(from, 0, to), 4, 5)
    expectRefused(() => crossCosineMap(from, 0, { ...to, dims: [6, 4] }), 24, 30)
    expectRefused(() => crossCosineMap({ ...from, dims: [6, 4] }, 0, from), 24, 20)
  })
})

describe('matchPatches', () => {
  it.each(goldens.matches)('finds the pairs of numpy, best first, for $patches patches', (golden) => {
    const found = matchPatches(...pictures(golden))
    expect(found.map(({ from, to }) => [from, to])).toEqual(golden.pairs)
    expectNear(
      Float32Array.from(found, ({ cosine }) => cosine),
      golden.pairs.map(([from, to]) => golden.cosines[from * golden.patches[1] + to] ?? NaN),
    )
  })

  it('finds patches that are each nearest to the other, at their cosine, each at most once', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const found = matchPatches(a, b)
        expect(found.length).toBeGreaterThan(0)
        for (const { from, to, cosine } of found) {
          expect(nearest(crossCosineMap(a, from, b))).toBe(to)
          expect(nearest(crossCosineMap(b, to, a))).toBe(from)
          expect(crossCosineMap(a, from, b)[to]).toBe(cosine)
        }
        const cosines = found.map(({ cosine }) => cosine)
        expect(cosines).toEqual([...cosines].sort((x, y) => y - x))
      }),
    )
  })

  it('finds the same pairs when the pictures are exchanged', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const there = matchPatches(a, b)
        const back = matchPatches(b, a).map(({ from, to, cosine }) => ({ from: to, to: from, cosine }))
        expect(back.sort((x, y) => x.from - y.from)).toEqual(there.sort((x, y) => x.from - y.from))
      }),
    )
  })

  it('refuses pictures of two models, with both numbers', () => {
    const picture = (channels: number): TokenMap => ({ tokens: new Float32Array(5 * channels), dims: [5, channels] })
    expectRefused(() => matchPatches(picture(3), picture(7)), 3, 7)
  })
})

describe('zeroShotMap', () => {
  it.each(goldens.zeroShotMap)(
    "agrees with numpy's scores for $dims",
    ({ dims, tokens, texts, probabilities, ...scores }) => {
      expectNear(zeroShotMap(Float32Array.from(tokens), dims, Float32Array.from(texts), scores), probabilities)
    },
  )

  it('is zeroShot of every patch', () => {
    const [{ dims, tokens, texts, ...scores }] = goldens.zeroShotMap as [Goldens['zeroShotMap'][number]]
    const [all, names] = [Float32Array.from(tokens), Float32Array.from(texts)]
    const rows = Array.from({ length: dims[0] }, (_, p) => all.subarray(p * dims[1], (p + 1) * dims[1]))
    expect([...zeroShotMap(all, dims, names, scores)]).toEqual(rows.flatMap((row) => [...zeroShot(row, names, scores)]))
  })

  it('leaves the bias alone where a token or a text has no length', () => {
    const scores = { scale: 1, bias: 0 }
    expect([...zeroShotMap(Float32Array.of(0, 0, 1, 0), [2, 2], Float32Array.of(0, 0), scores)]).toEqual([0.5, 0.5])
    expect([...zeroShotMap(Float32Array.of(0, 0), [1, 2], Float32Array.of(0, 1), scores)]).toEqual([0.5])
  })

  it('refuses texts and dims that do not fit the tokens', () => {
    const scores = { scale: 1, bias: 0 }
    expectRefused(() => zeroShotMap(new Float32Array(24), [2, 12], new Float32Array(30), scores), 30, 12)
    expectRefused(() => zeroShotMap(new Float32Array(25), [2, 12], new Float32Array(36), scores), 24, 25)
    expectRefused(() => zeroShotMap(new Float32Array(0), [2, 0], new Float32Array(0), scores))
  })
})
