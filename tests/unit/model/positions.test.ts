import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { patchGrid, positionIds } from '../../../src/model/positions.js'

interface Goldens {
  readonly side: number
  readonly navit: Record<string, number[]>
  readonly 'navit-float32': Record<string, number[]>
  /** Of n patches, those whose column is one below ⌊70·i/n⌋. */
  readonly row0: Record<string, number[]>
}
// Made by tests/reference/make_position_goldens.py: Python integers, and torch's own arange and bucketize.
const goldens = JSON.parse(readFileSync('tests/fixtures/positions.json', 'utf8')) as Goldens

describe.each(['navit', 'navit-float32'] as const)('%s positions on a table of side 70', (mode) => {
  it('agree with Python for every n from 1 to 144, along both axes', () => {
    expect(Object.keys(goldens[mode])).toHaveLength(144)
    for (const [n, expected] of Object.entries(goldens[mode])) {
      expect([...positionIds([1, Number(n)], goldens.side, mode)], `columns ${n}`).toEqual(expected)
      const rows = expected.map((row) => row * goldens.side)
      expect([...positionIds([Number(n), 1], goldens.side, mode)], `rows ${n}`).toEqual(rows)
    }
  })

  it('agree with the published values for 448 pixels, 32×32 patches', () => {
    const ids = positionIds([32, 32], 70, mode)
    const at = (row: number, column: number) => ids[row * 32 + column]
    expect([at(0, 0), at(0, 1), at(0, 31), at(1, 0), at(1, 1)]).toEqual([0, 2, 67, 140, 142])
    expect([at(16, 16), at(31, 0), at(31, 31)]).toEqual([2485, 4690, 4757])
  })

  it('join rows and columns in raster order for a grid that is not square', () => {
    const rows = goldens[mode]['24'] ?? []
    const columns = goldens[mode]['43'] ?? []
    const expected = rows.flatMap((row) => columns.map((column) => row * 70 + column))
    expect([...positionIds([24, 43], 70, mode)]).toEqual(expected)
  })
})

describe('row0 positions', () => {
  it('agree with torch for every number of patches of a slice, and for larger pictures', () => {
    expect(Object.keys(goldens.row0).length).toBeGreaterThan(1200)
    for (const [n, below] of Object.entries(goldens.row0)) {
      const P = Number(n)
      const expected = Array.from({ length: P }, (_, i) => Math.floor((70 * i) / P) - (below.includes(i) ? 1 : 0))
      expect([...positionIds([1, P], 70, 'row0')], n).toEqual(expected)
    }
  })

  it('know no rows, and count by the longest slice of the picture', () => {
    expect(positionIds([4, 6], 70, 'row0')).toEqual(positionIds([1, 24], 70, 'row0'))
    expect(positionIds([4, 6], 70, 'row0', 32)).toEqual(positionIds([1, 32], 70, 'row0').slice(0, 24))
  })
})

it('differ between the modes exactly where the float32 step falls short', () => {
  expect([...positionIds([1, 25], 70, 'navit')][5]).toBe(14)
  expect([...positionIds([1, 25], 70, 'navit-float32')][5]).toBe(13)
})

it('navit is the exact floor for any side and count, below the end of the table', () => {
  const side = fc.integer({ min: 1, max: 300 })
  const count = fc.integer({ min: 1, max: 400 })
  fc.assert(
    fc.property(side, count, (s, n) => {
      const ids = positionIds([1, n], s, 'navit')
      ids.forEach((id, i) => {
        // ⌊S·i/n⌋ is the only whole number q with q·n ≤ S·i < (q + 1)·n.
        expect(id * n <= s * i && s * i < (id + 1) * n && id < s).toBe(true)
      })
    }),
  )
})

describe('table positions', () => {
  it('are the identity for a grid of the table size', () => {
    expect([...positionIds([16, 16], 16, 'table')]).toEqual(Array.from({ length: 256 }, (_, i) => i))
  })

  it.each([
    [[32, 32], 27],
    [[27, 26], 27],
    [[26, 27], 27],
  ] as const)('refuse the grid %j on a table of side %i, with both sizes and the way out', (grid, side) => {
    expect(() => positionIds(grid, side, 'table')).toThrow(
      expect.objectContaining({
        code: 'BAD_POSITIONS',
        message: expect.stringMatching(new RegExp(`${grid[0]}×${grid[1]}.*${side}×${side}.*navit`)) as unknown,
      }),
    )
  })
})

it.each([
  [[0, 5], 70],
  [[5, 1.5], 70],
  [[5, 5], 0],
] as const)('refuses the grid %j on a table of side %d', (grid, side) => {
  expect(() => positionIds(grid, side, 'navit')).toThrow(expect.objectContaining({ code: 'BAD_POSITIONS' }))
})

describe('patchGrid', () => {
  it('counts whole patches, rows first', () => {
    expect(patchGrid({ width: 45, height: 28 }, 14)).toEqual([2, 3])
    expect(patchGrid({ width: 16, height: 31 }, 16)).toEqual([1, 1])
  })

  it.each([
    [13, 28],
    [28, 13],
  ])('refuses %d×%d, which hold no whole patch', (width, height) => {
    expect(() => patchGrid({ width, height }, 14)).toThrow(
      expect.objectContaining({
        code: 'IMAGE_SIZE',
        message: expect.stringMatching(`${height}×${width}.*14×14`) as unknown,
      }),
    )
  })
})
