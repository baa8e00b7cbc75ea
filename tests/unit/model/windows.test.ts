import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { windowOrder } from '../../../src/model/windows.js'

interface Goldens {
  readonly windows: { readonly grid: readonly [number, number]; readonly order: number[] }[]
}
// Made by tests/reference/make_window_goldens.py: transformers' get_vision_window_index.
const { windows } = JSON.parse(readFileSync('tests/fixtures/windows.json', 'utf8')) as Goldens

it.each(windows)('the windows of a grid of $grid are in the order of transformers', ({ grid, order }) => {
  expect([...windowOrder(grid)]).toEqual(order)
})

it.each([
  [3, 4],
  [4, 3],
] as const)('refuses a grid of %i×%i, naming both sides', (rows, columns) => {
  expect(() => windowOrder([rows, columns])).toThrow(
    expect.objectContaining({ code: 'IMAGE_SIZE', message: expect.stringContaining(`${rows}×${columns}`) as unknown }),
  )
})
