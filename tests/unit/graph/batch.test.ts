import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutBatches, packBatch, type BatchImage } from '../../../src/graph/batch.js'
import type { RunTable } from '../../../src/graph/tables.js'
import { PATCHES } from '../../../src/model/network.js'
import { positionIds } from '../../../src/model/positions.js'

const PATCH = 2
const TABLES: RunTable[] = [
  { kind: 'patches' },
  { kind: 'tiles', rows: PATCHES, within: 'picture' },
  { kind: 'size', rows: PATCHES },
]

/** A picture whose every value is its own: `offset` plus its index. */
function image(height: number, width: number, offset = 0) {
  const grid = [Math.floor(height / PATCH), Math.floor(width / PATCH)] as const
  const data = Float32Array.from({ length: 3 * height * width }, (_, i) => offset + i)
  return { data, height, width, grid, positions: positionIds(grid, 5, 'navit') } satisfies BatchImage
}

const sizes = fc.array(fc.tuple(fc.integer({ min: PATCH, max: 11 }), fc.integer({ min: PATCH, max: 11 })), {
  minLength: 1,
})

describe('packBatch', () => {
  test('the patch table leads to every pixel of every whole patch, picture after picture', () => {
    fc.assert(
      fc.property(sizes, (all) => {
        const images = all.map(([height, width], i) => image(height, width, 1000 * i))
        const packed = images.flatMap(({ data }) => [...data])
        const { tables, run } = packBatch(images, PATCH, { tables: TABLES, headTable: null }, 4)
        const patches = Uint32Array.from(tables[0] ?? [])
        expect(run.V).toBe(packed.length)
        let row = 0
        for (const { data, height, width, grid, positions } of images) {
          for (let p = 0; p < grid[0] * grid[1]; p++, row++) {
            const [first = NaN, rowStride = NaN, planeStride = NaN, position] = patches.subarray(row * 4, row * 4 + 4)
            expect(position).toBe(positions[p])
            const [y, x] = [Math.floor(p / grid[1]) * PATCH, (p % grid[1]) * PATCH]
            for (const [c, dy, dx] of [
              [0, 0, 0],
              [1, 0, 1],
              [2, 1, 0],
            ] as const) {
              const expected = data[(c * height + y + dy) * width + x + dx]
              expect(packed[first + c * planeStride + dy * rowStride + dx]).toBe(expected)
            }
          }
        }
        expect(run.P).toBe(row)
        expect(patches.length).toBe(row * 4)
      }),
    )
  })

  test('attention tiles cover every row once and never reach into another picture', () => {
    const QUERIES = 4
    const images = [image(6, 6), image(2, 2), image(4, 10)]
    const [, tiles = new Uint32Array(), size = []] = packBatch(
      images,
      PATCH,
      { tables: TABLES, headTable: null },
      QUERIES,
    ).tables
    expect([...size]).toEqual([20, 0, 0, 0])
    const segments = [
      [0, 9],
      [9, 1],
      [10, 10],
    ] // first row and rows of each picture
    const covered = Array.from({ length: tiles.length / 4 }, (_, t) => tiles.subarray(t * 4, t * 4 + 4)).flatMap(
      (tile) => {
        const [query = NaN, count = NaN, begin = NaN, rows = NaN] = tile
        expect(segments).toContainEqual([begin, rows])
        expect(count).toBeLessThanOrEqual(QUERIES)
        expect(query).toBeGreaterThanOrEqual(begin)
        expect(query + count).toBeLessThanOrEqual(begin + rows)
        return Array.from({ length: count }, (_, i) => query + i)
      },
    )
    expect(covered).toEqual(Array.from({ length: 20 }, (_, row) => row))
  })
})

describe('cutBatches', () => {
  test('keeps the order, loses nothing, and stays within the limits', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 25, max: 60 }), fc.integer({ min: 363, max: 900 }), (all, rows, values) => {
        const images = all.map(([height, width]) => image(height, width))
        const batches = [...cutBatches(images, { rows, values })]
        expect(batches.flat()).toEqual(images)
        for (const batch of batches) {
          expect(batch.length).toBeGreaterThan(0)
          const { run } = packBatch(batch, PATCH, { tables: TABLES, headTable: null }, 4)
          expect(run.P).toBeLessThanOrEqual(rows)
          expect(run.V).toBeLessThanOrEqual(values)
        }
      }),
    )
  })

  test('one batch where everything fits, none for no pictures', () => {
    const images = [image(4, 4), image(4, 4)]
    expect([...cutBatches(images, { rows: 8, values: 96 })]).toEqual([images])
    expect([...cutBatches([], { rows: 8, values: 96 })]).toEqual([])
  })

  test.each([
    [{ rows: 3, values: 999 }, '3'],
    [{ rows: 999, values: 47 }, '47'],
  ])('a picture beyond %j is an error with both numbers', (limits, limit) => {
    const cut = () => [...cutBatches([image(4, 4)], limits)]
    expect(cut).toThrow(expect.objectContaining({ code: 'LIMIT' }))
    expect(cut).toThrow(/4 patches and 48 pixel values/)
    expect(cut).toThrow(new RegExp(`\\b${limit}\\b`))
  })
})
