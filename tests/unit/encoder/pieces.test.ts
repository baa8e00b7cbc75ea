import { describe, expect, it } from 'vitest'
import { cutPicture, withPositions } from '../../../src/encoder/pieces.js'
import type { EncodeInput, ModelInfo } from '../../../src/encoder/types.js'
import { GridTables, positionIds } from '../../../src/model/positions.js'
import { sovit400m } from '../../../src/bench/synthetic.js'

const model = { config: sovit400m(1), family: 'minicpmv-2_5' } as unknown as ModelInfo
const cut = (input: unknown, index = 0) => cutPicture(input as EncodeInput, index, {}, model, null)
const pixels = (rows: number, columns: number) => {
  const [height, width] = [14 * rows, 14 * columns]
  return { width, height, data: new Float32Array(3 * height * width) }
}

describe('pictures of a call', () => {
  it.each([null, undefined, 4])('%j is refused as no picture', async (input) => {
    await expect(cut(input)).rejects.toMatchObject({ code: 'BAD_IMAGE' })
  })

  it('of pixel values are whole, unless they say which piece they are', async () => {
    expect((await cut({ pixels: pixels(2, 3) }, 4))[0]).toMatchObject({ grid: [2, 3], source: [4, -1, -1] })
    expect((await cut({ pixels: pixels(2, 3), source: [0, 1, 2] }, 4))[0]).toMatchObject({ source: [0, 1, 2] })
    const source = [0, 1]
    await expect(cut({ pixels: pixels(2, 3), source })).rejects.toMatchObject({ code: 'BAD_OPTION' })
  })

  it('that are pieces of one picture count their columns by the largest', async () => {
    const inputs = [
      { pixels: pixels(2, 3) },
      { pixels: pixels(4, 4), source: [0, 0, 0] },
      { pixels: pixels(2, 3), source: [2, -1, -1] },
    ]
    const pieces = (await Promise.all(inputs.map((input, i) => cut(input, i)))).flat()
    const { table } = model.config
    const positions = withPositions(pieces, await GridTables.open(table, 'row0')).map((piece) => piece.positions)
    expect(positions).toEqual([
      positionIds([2, 3], table, 'row0', 16),
      positionIds([4, 4], table, 'row0', 16),
      positionIds([2, 3], table, 'row0', 6),
    ])
  })
})
