import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { sincosTable, temporalTable } from '../../../src/model/sincos.js'

interface Goldens {
  readonly grids: {
    readonly width: number
    /** Row and column. */
    readonly places: (readonly [number, number])[]
    readonly channels: number[]
    /** [places, channels] */
    readonly values: number[]
  }[]
  readonly frames: number[]
  readonly temporal: { readonly width: number; readonly channels: number[]; readonly values: number[] }[]
}
// Made by tests/reference/make_sincos_goldens.py: numpy in float32, as in the released code.
const goldens = JSON.parse(readFileSync('tests/fixtures/sincos.json', 'utf8')) as Goldens

/** Numbers of positions against numpy's: equal but for the last bit where ω is, else off by two units of ω's last place. */
function expectClose(actual: number[], expected: number[], positions: number[], width: number) {
  expect(actual).toHaveLength(expected.length)
  actual.forEach((value, i) => {
    const bound = width === 16 ? 1e-7 : 1e-7 + 2.4e-7 * (positions[i] ?? NaN)
    expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThan(bound)
  })
}

it.each(goldens.grids)('positions of $width channels agree with numpy', ({ width, places, channels, values }) => {
  const half = width / 2
  const entries = Math.max(...places.flat()) + 1
  const table = sincosTable(entries, width)
  expect(table).toHaveLength(entries * half)
  const positions = places.flatMap(([row, column]) => channels.map((c) => (c < half ? column : row)))
  const actual = positions.map(
    (entry, i) => table[entry * half + ((channels[i % channels.length] ?? NaN) % half)] ?? NaN,
  )
  expectClose(actual, values, positions, width)
})

it.each(goldens.temporal)('frames of $width channels agree with numpy', ({ width, channels, values }) => {
  const table = temporalTable(goldens.frames, width)
  const actual = goldens.frames.flatMap((_, row) => channels.map((c) => table[row * width + c] ?? NaN))
  const positions = goldens.frames.flatMap((frame) => channels.map(() => frame))
  expectClose(actual, values, positions, width)
})
