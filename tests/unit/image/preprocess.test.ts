import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { decodePng } from '../../../src/image/png.js'
import { toPixels } from '../../../src/image/input.js'
import { preprocess, targetSize } from '../../../src/image/preprocess.js'
import type { PreprocessOptions } from '../../../src/image/types.js'
import { goldens, readPicture, sha256 } from './goldens.js'

describe('preprocess equals the SigLIP processor of transformers bit for bit', () => {
  it('for each of the 256 byte values', () => {
    const bytes = Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3))
    const { data } = preprocess({ width: 16, height: 16, data: bytes }, { size: { height: 16, width: 16 } })
    expect(data).toEqual(new Float32Array(readPicture('ramp.f32').buffer))
  })

  it.each(goldens.preprocess)('for $file at 448×448', async ({ file, sha256: expected }) => {
    const { width, height, data } = preprocess(await decodePng(readPicture(file), file))
    expect([width, height, data.length]).toEqual([448, 448, 3 * 448 * 448])
    expect(sha256(data)).toBe(expected)
  })

  it('whichever way 255 is divided out in float32', () => {
    // MiniCPM-V's processor divides float32 by 255 where transformers multiplies float64 by 1/255.
    const expected = new Float32Array(readPicture('ramp.f32').buffer).slice(0, 256)
    const divided = Float32Array.from({ length: 256 }, (_, v) => Math.fround(Math.fround(v / 255) - 0.5) / 0.5)
    expect(divided).toEqual(expected)
  })
})

describe('targetSize', () => {
  it.each(goldens.native)('native of $from is $to', ({ from: [width, height], patch, limit, to }) => {
    const target = targetSize(width, height, { size: 'native', patch, limit })
    expect([target.width, target.height]).toEqual(to)
  })

  it('squashes to a side, 448 by default, and takes height and width apart', () => {
    expect(targetSize(10, 2000)).toEqual({ width: 448, height: 448 })
    expect(targetSize(10, 2000, { size: 224 })).toEqual({ width: 224, height: 224 })
    expect(targetSize(10, 2000, { size: { height: 100, width: 77 } })).toEqual({ width: 77, height: 100 })
  })

  it.each<[string, PreprocessOptions]>([
    ['IMAGE_SIZE', { size: 13 }],
    ['IMAGE_SIZE', { size: { height: 448, width: 13 } }],
    ['IMAGE_SIZE', { size: 15, patch: 16 }],
    ['IMAGE_SIZE', { size: 100_000 }],
    ['IMAGE_SIZE', { size: 'native', limit: 13 }],
    ['BAD_OPTION', { size: 0 }],
    ['BAD_OPTION', { size: -448 }],
    ['BAD_OPTION', { size: 448.5 }],
    ['BAD_OPTION', { size: Number.NaN }],
    ['BAD_OPTION', { size: 'native', limit: 0 }],
    ['BAD_OPTION', { patch: 0 }],
  ])('throws %s for %j', (code, options) => {
    expect(() => targetSize(640, 480, options)).toThrow(expect.objectContaining({ code }))
  })
})

it.each([
  [0, 10],
  [10, 100_000],
])('refuses a picture of %d×%d pixels', (width, height) => {
  const image = { width, height, data: new Uint8Array(width * height * 3) }
  expect(() => preprocess(image)).toThrow(
    expect.objectContaining({ code: 'IMAGE_SIZE', message: expect.stringContaining(`${width}×${height}`) as unknown }),
  )
})

describe('ready pixel values', () => {
  const data = new Float32Array(3 * 14 * 14)

  it('are taken as they are, of any realm', async () => {
    const foreign = runInNewContext('new Float32Array(588)') as Float32Array
    for (const values of [data, foreign]) {
      const pixels = { width: 14, height: 14, data: values }
      expect(await toPixels({ pixels }, {}, null)).toBe(pixels)
    }
  })

  it.each<[string, unknown, RegExp]>([
    ['too few', data.subarray(1), /588 numbers; there are 587/],
    ['not a number', data.with(7, Number.NaN), /Pixel value 7 is NaN/],
    ['an array', Array.from(data), /Float32Array/],
    ['of 64 bits', new Float64Array(588), /Float32Array/],
    ['missing', undefined, /Float32Array/],
  ])('are refused when %s', async (_, values, message) => {
    const pixels = { width: 14, height: 14, data: values as Float32Array }
    await expect(toPixels({ pixels }, {}, null)).rejects.toThrow(
      expect.objectContaining({ code: 'BAD_IMAGE', message: expect.stringMatching(message) as unknown }),
    )
  })
})
