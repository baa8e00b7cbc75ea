import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePng } from '../../../src/image/png.js'
import { resize } from '../../../src/image/resize.js'
import type { Resample, RgbImage } from '../../../src/image/types.js'
import { fingerprint, goldens, readPicture } from './goldens.js'

const filters: readonly Resample[] = ['bicubic', 'bilinear']

describe('resize equals Pillow bit for bit', () => {
  it.each(goldens.resize)('$file to $width×$height, $filter', async ({ file, filter, ...expected }) => {
    const image = await decodePng(readPicture(file), file)
    expect(fingerprint(resize(image, expected.width, expected.height, filter))).toEqual(expected)
  })
})

const side = fc.integer({ min: 1, max: 40 })

it.each(filters)('%s keeps a flat picture flat', (filter) => {
  const byte = fc.integer({ min: 0, max: 255 })
  fc.assert(
    fc.property(side, side, side, side, byte, (width, height, toWidth, toHeight, value) => {
      const flat = { width, height, data: new Uint8Array(width * height * 3).fill(value) }
      const { data } = resize(flat, toWidth, toHeight, filter)
      expect(data).toHaveLength(toWidth * toHeight * 3)
      expect(data.every((v) => v === value)).toBe(true)
    }),
  )
})

it.each(filters)('%s does not mix channels', (filter) => {
  const data = Uint8Array.from({ length: 9 * 7 * 3 }, (_, i) => (i % 3 === 1 ? (i * 37) % 256 : 0))
  const resized = resize({ width: 9, height: 7, data }, 5, 11, filter).data
  expect(resized.some((value) => value > 0)).toBe(true)
  expect(resized.every((value, i) => i % 3 === 1 || value === 0)).toBe(true)
})

it.each([
  [0, 5],
  [5, 0],
  [100_000, 5],
  [2.5, 5],
])('refuses a target of %d×%d pixels', (width, height) => {
  const image: RgbImage = { width: 2, height: 2, data: new Uint8Array(12) }
  expect(() => resize(image, width, height, 'bicubic')).toThrow(expect.objectContaining({ code: 'IMAGE_SIZE' }))
})

it('refuses data of the wrong length, with both lengths', () => {
  const image: RgbImage = { width: 2, height: 2, data: new Uint8Array(16) }
  expect(() => resize(image, 4, 4, 'bicubic')).toThrow(
    expect.objectContaining({ code: 'BAD_IMAGE', message: expect.stringMatching(/12 bytes.*16/) as unknown }),
  )
})
