import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { toRgb } from '../../../src/image/rgb.js'
import { naflexSize } from '../../../src/image/naflex.js'
import { preprocess } from '../../../src/image/preprocess.js'
import { targetsOf } from '../../../src/image/targets.js'
import { sliceSizes } from '../../../src/image/slicing.js'
import type { PreprocessOptions, RgbImage } from '../../../src/image/types.js'
import { fixtureBytes, fixtureJson, goldenTensors } from '../../support/fixture.js'
import { readPicture, sha256 } from './goldens.js'

interface Pixels {
  readonly file: string
  readonly maxSlices: number
  readonly naflex: number
  readonly pieces: readonly {
    readonly place: readonly [number, number]
    readonly height: number
    readonly width: number
    readonly sha256: string
  }[]
}
const pixels =
  await fixtureJson<Readonly<Record<'slicing' | 'naflex', readonly Pixels[]>>>('tests/fixtures/slicing.json')
const goldens = goldenTensors(await fixtureBytes('tests/fixtures/slicing.safetensors'))

/** Rows of a table of the goldens. */
function rowsOf(name: string, width: number): number[][] {
  const all = [...(goldens.get(name) ?? [])]
  return Array.from({ length: all.length / width }, (_, i) => all.slice(i * width, (i + 1) * width))
}

/** Overview, columns and rows, refined: as the goldens have them. */
function plan(width: number, height: number, most: number): number[] {
  const { overview, refined } = sliceSizes({ width, height }, 14, most)
  const { columns = 0, rows = 0, ...to } = refined ?? { width: 0, height: 0 }
  return [overview.width, overview.height, columns, rows, to.width, to.height]
}

describe('slicing is the published one', () => {
  test("of all sizes that transformers' processor was asked for", () => {
    const table = rowsOf('slicing', 9)
    expect(table.length).toBeGreaterThan(2500)
    const wrong = table.filter(([width = 0, height = 0, most = 0, ...expected]) => {
      return plan(width, height, most).join() !== expected.join()
    })
    expect(wrong).toEqual([])
  })

  // Usual sizes, to be read: overview, columns and rows, refined picture.
  test.each([
    ['224×224', [224, 224], [448, 448, 0, 0, 0, 0]],
    ['449×449', [449, 449], [448, 448, 1, 2, 630, 644]],
    ['640×480', [640, 480], [518, 392, 2, 1, 728, 546]],
    ['1280×720', [1280, 720], [602, 336, 3, 2, 1470, 812]],
    ['1920×1080', [1920, 1080], [602, 336, 4, 2, 1680, 952]],
    ['1344×1344', [1344, 1344], [448, 448, 3, 3, 1344, 1344]],
    ['4032×3024', [4032, 3024], [518, 392, 3, 3, 1554, 1176]],
    ['1000×100', [1000, 100], [1414, 140, 0, 0, 0, 0]],
  ] as const)('%s', (_, [width, height], expected) => expect(plan(width, height, 9)).toEqual(expected))

  test('squares of 5 to 7 areas have the grid of the larger last bit', () => {
    for (const side of [1002, 1100, 1185]) expect(plan(side, side, 9).slice(2, 4)).toEqual([3, 2])
  })

  test('pieces are whole patches, of about 448×448 pixels, and no more than allowed', () => {
    const side = fc.integer({ min: 1, max: 6000 })
    const patch = fc.constantFrom(14, 16)
    fc.assert(
      fc.property(side, side, patch, fc.integer({ min: 1, max: 20 }), (width, height, p, most) => {
        const { overview, refined } = sliceSizes({ width, height }, p, most)
        const { rows, columns, ...to } = refined ?? { rows: 0, columns: 0, width: 0, height: 0 }
        expect(rows * columns).toBeLessThanOrEqual(most)
        expect(rows * columns).not.toBe(1)
        expect(refined === null).toBe(width * height <= 448 * 448 || most === 1)
        const sides = [overview.width, overview.height, to.width / (columns || 1), to.height / (rows || 1)]
        expect(sides.filter((length) => length % p !== 0)).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })
})

describe("NaFlex sizes are transformers'", () => {
  test('of all sizes that its search was asked for', () => {
    const table = rowsOf('naflex', 6)
    expect(table.length).toBeGreaterThan(2000)
    const wrong = table.filter(([width = 0, height = 0, patch = 0, most = 0, ...expected]) => {
      const to = naflexSize({ width, height }, patch, most)
      return [to.width, to.height].join() !== expected.join()
    })
    expect(wrong).toEqual([])
  })

  test('at most so many patches, of whole sides', () => {
    const side = fc.integer({ min: 1, max: 32768 })
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 5000 }), (width, height, most) => {
        const to = naflexSize({ width, height }, 16, most)
        expect([to.width % 16, to.height % 16]).toEqual([0, 0])
        expect((to.width * to.height) / 256).toBeLessThanOrEqual(most)
      }),
    )
  })
})

async function piecesOf(image: RgbImage, options: PreprocessOptions) {
  return (await targetsOf(image, options)).flatMap((target) => preprocess(image, target))
}

describe("pixel values are the Pillow processor's, bit for bit", () => {
  const summary = (pieces: Awaited<ReturnType<typeof piecesOf>>) =>
    pieces.map(({ place, height, width, data }) => ({ place, height, width, sha256: sha256(data) }))

  it.each(pixels.slicing)('$file in at most $maxSlices slices', async ({ file, maxSlices, pieces }) => {
    const image = await toRgb(readPicture(file))
    expect(summary(await piecesOf(image, { size: 'minicpm-v', maxSlices }))).toEqual(pieces)
  })

  it.each(pixels.naflex)('$file in at most $naflex patches of NaFlex', async ({ file, naflex, pieces }) => {
    const image = await toRgb(readPicture(file))
    expect(summary(await piecesOf(image, { size: { naflex }, patch: 16 }))).toEqual(pieces)
    const [bicubic] = await piecesOf(image, { size: { naflex }, patch: 16, resample: 'bicubic' })
    expect(sha256(bicubic?.data ?? new Float32Array())).not.toBe(pieces[0]?.sha256)
  })
})

test('cells cover the resized picture, each pixel once', () => {
  const grid = fc.record({ rows: fc.integer({ min: 1, max: 4 }), columns: fc.integer({ min: 1, max: 4 }) })
  const cell = fc.record({ width: fc.integer({ min: 1, max: 5 }), height: fc.integer({ min: 1, max: 5 }) })
  fc.assert(
    fc.property(grid, cell, ({ rows, columns }, { width, height }) => {
      const size = { width: width * columns, height: height * rows }
      const bytes = Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => (i * 7) % 256)
      const image = { ...size, data: bytes }
      const whole = { ...size, filter: 'bicubic', rows: 1, columns: 1 } as const
      const [all] = preprocess(image, whole)
      const pieces = preprocess(image, { ...whole, rows, columns })
      expect(pieces.length).toBe(rows * columns)
      for (const [i, { place, data }] of pieces.entries()) {
        const [row, column] = [Math.floor(i / columns), i % columns]
        expect(place).toEqual(rows * columns === 1 ? [-1, -1] : [row, column])
        data.forEach((value, at) => {
          const [c, y, x] = [Math.floor(at / (width * height)), Math.floor(at / width) % height, at % width]
          const from = (c * size.height + row * height + y) * size.width + column * width + x
          expect(value).toBe(all?.data[from])
        })
      }
    }),
    { numRuns: 30 },
  )
})

test.each<[string, PreprocessOptions]>([
  ['BAD_OPTION', { size: 'minicpm-v', maxSlices: 0 }],
  ['BAD_OPTION', { size: 'minicpm-v', maxSlices: 2.5 }],
  ['BAD_OPTION', { size: { naflex: 0 } }],
  ['BAD_OPTION', { size: 'minicpm' as 'minicpm-v' }],
])('throws %s for %j', async (code, options) => {
  await expect(targetsOf({ width: 640, height: 480 }, options)).rejects.toThrow(expect.objectContaining({ code }))
})

test('a picture so thin that a piece would be longer than any picture is refused', async () => {
  const picture = { width: 32768, height: 1 }
  await expect(targetsOf(picture, { size: 'minicpm-v' })).rejects.toThrow(
    expect.objectContaining({ code: 'IMAGE_SIZE' }),
  )
})
