import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { decodePng } from '../../../src/image/png.js'
import { toPieces } from '../../../src/image/input.js'
import { preprocess } from '../../../src/image/preprocess.js'
import { targetsOf } from '../../../src/image/targets.js'
import type { PreprocessOptions, Target } from '../../../src/image/types.js'
import { goldens, readPicture, sha256 } from './goldens.js'

/** A target that leaves a picture whole. */
const whole = (width: number, height: number): Target => ({ width, height, filter: 'bicubic', rows: 1, columns: 1 })

describe('preprocess equals the SigLIP processor of transformers bit for bit', () => {
  it('for each of the 256 byte values', () => {
    const bytes = Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3))
    const [piece] = preprocess({ width: 16, height: 16, data: bytes }, whole(16, 16))
    expect(piece?.data).toEqual(new Float32Array(readPicture('ramp.f32').buffer))
  })

  it.each(goldens.preprocess)('for $file at 448×448', async ({ file, sha256: expected }) => {
    const [piece, ...others] = preprocess(await decodePng(readPicture(file), file), whole(448, 448))
    const { width, height, place, data = new Float32Array() } = piece ?? {}
    expect([width, height, place, data.length, others]).toEqual([448, 448, [-1, -1], 3 * 448 * 448, []])
    expect(sha256(data)).toBe(expected)
  })

  it('whichever way 255 is divided out in float32', () => {
    // MiniCPM-V's processor divides float32 by 255 where transformers multiplies float64 by 1/255.
    const expected = new Float32Array(readPicture('ramp.f32').buffer).slice(0, 256)
    const divided = Float32Array.from({ length: 256 }, (_, v) => Math.fround(Math.fround(v / 255) - 0.5) / 0.5)
    expect(divided).toEqual(expected)
  })
})

describe('targetsOf', () => {
  it.each(goldens.native)('native of $from is $to', async ({ from: [width, height], patch, limit, to }) => {
    const [target] = await targetsOf({ width, height }, { size: 'native', patch, limit })
    expect([target?.width, target?.height]).toEqual(to)
  })

  it('squashes to a side, 448 by default, and takes height and width apart', async () => {
    const from = { width: 10, height: 2000 }
    expect(await targetsOf(from)).toEqual([whole(448, 448)])
    expect(await targetsOf(from, { size: 224, resample: 'bilinear' })).toEqual([
      { ...whole(224, 224), filter: 'bilinear' },
    ])
    expect(await targetsOf(from, { size: { height: 100, width: 77 } })).toEqual([whole(77, 100)])
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
  ])('throws %s for %j', async (code, options) => {
    await expect(targetsOf({ width: 640, height: 480 }, options)).rejects.toThrow(expect.objectContaining({ code }))
  })
})

it.each([
  [0, 10],
  [10, 100_000],
])('refuses a picture of %d×%d pixels', (width, height) => {
  const image = { width, height, data: new Uint8Array(width * height * 3) }
  expect(() => preprocess(image, whole(448, 448))).toThrow(
    expect.objectContaining({ code: 'IMAGE_SIZE', message: expect.stringContaining(`${width}×${height}`) as unknown }),
  )
})

describe('ready pixel values', () => {
  const data = new Float32Array(3 * 14 * 14)

  it('are taken as they are, of any realm', async () => {
    const foreign = runInNewContext('new Float32Array(588)') as Float32Array
    for (const values of [data, foreign]) {
      const pixels = { width: 14, height: 14, data: values }
      expect(await toPieces({ pixels }, { size: 'minicpm-v' }, null)).toEqual([{ ...pixels, place: [-1, -1] }])
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
    await expect(toPieces({ pixels }, {}, null)).rejects.toThrow(
      expect.objectContaining({ code: 'BAD_IMAGE', message: expect.stringMatching(message) as unknown }),
    )
  })
})
