import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { axisTaps } from '../../../src/model/interpolation.js'
import type { StretchMode, Tap } from '../../../src/model/positions.js'

interface Goldens {
  /** Vectors of which the first n, or the first `side`, are used. */
  readonly left: number[][]
  readonly right: number[][]
  readonly axes: {
    readonly mode: StretchMode
    readonly side: number
    /** [144, pairs]: left · W · right of n = 1, 2, … */
    readonly projections: number[][]
    /** Matrices by n: each row's first index, and its weights from there to the last that is not 0. */
    readonly whole: Record<string, number[][]>
  }[]
}
// Made by tests/reference/make_interpolation_goldens.py: F.interpolate of torch, in float64.
const goldens = JSON.parse(readFileSync('tests/fixtures/interpolation.json', 'utf8')) as Goldens

/** [side] weights of one position. */
function dense(taps: readonly Tap[], side: number): number[] {
  const row = new Array<number>(side).fill(0)
  for (const { index, weight } of taps) row[index] = (row[index] ?? NaN) + weight
  return row
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * (b[i] ?? NaN), 0)

describe.each(goldens.axes)('$mode weights of side $side', ({ mode, side, projections, whole }) => {
  it('agree with torch for every n from 1 to 144', () => {
    expect(projections).toHaveLength(144)
    projections.forEach((expected, i) => {
      const taps = axisTaps(i + 1, side, mode)
      goldens.right.forEach((right, pair) => {
        const response = taps.map((of) =>
          of.reduce((sum, { index, weight }) => sum + weight * (right[index] ?? NaN), 0),
        )
        // Worst 5.2e-14, of sums of up to 144 · 27 products; single weights below are off by 2.1e-15.
        expect(Math.abs(dot(response, goldens.left[pair] ?? []) - (expected[pair] ?? NaN)), `n ${i + 1}`).toBeLessThan(
          1e-12,
        )
      })
    })
  })

  it.each(Object.entries(whole))('are those of torch, one by one, for n = %s', (n, rows) => {
    const taps = axisTaps(Number(n), side, mode)
    expect(taps).toHaveLength(rows.length)
    rows.forEach(([first = NaN, ...weights], i) => {
      const expected = dense(
        weights.map((weight, k) => ({ index: first + k, weight })),
        side,
      )
      dense(taps[i] ?? [], side).forEach((weight, index) =>
        expect(Math.abs(weight - (expected[index] ?? NaN))).toBeLessThan(1e-14),
      )
    })
  })
})

it.each(['bicubic', 'bicubic-antialias', 'bilinear-antialias'] as const)(
  '%s leaves a table of its own size',
  (mode) => {
    for (const side of [1, 2, 16, 27]) {
      axisTaps(side, side, mode).forEach((taps, i) => {
        expect(dense(taps, side)).toEqual(dense([{ index: i, weight: 1 }], side))
      })
    }
  },
)
