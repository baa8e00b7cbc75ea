import fc from 'fast-check'
import { deflateSync } from 'node:zlib'
import { withCrc } from '../../support/png.js'
import { describe, expect, it } from 'vitest'
import { decodePng } from '../../../src/image/png.js'
import { SovitError } from '../../../src/errors.js'
import { readPicture } from './goldens.js'

const HEADER_AT = 16 // after the signature and the length and type of IHDR

/** rgb8.png (19×13) with some header bytes replaced, and the CRC that fits them. */
function withHeader(offset: number, ...bytes: number[]): Uint8Array<ArrayBuffer> {
  const file = readPicture('rgb8.png')
  file.set(bytes, HEADER_AT + offset)
  return withCrc(file, 8)
}

/** The header of rgb8.png, and `data` deflated as its pixels. */
function withPixels(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = deflateSync(data)
  const idat = Buffer.alloc(12 + packed.length)
  idat.writeUInt32BE(packed.length)
  idat.write('IDAT', 4)
  idat.set(packed, 8)
  return new Uint8Array(
    Buffer.concat([readPicture('rgb8.png').subarray(0, 33), idat, Buffer.from('\0\0\0\0IEND\0\0\0\0')]),
  )
}

const rowBytes = 1 + 19 * 3

/** A picture of 4 bits a pixel with one byte of its palette changed. */
function withDamagedPalette(): Uint8Array<ArrayBuffer> {
  const file = readPicture('palette4-trns.png')
  const at = Buffer.from(file).indexOf('PLTE') + 4
  file[at] = (file[at] ?? 0) ^ 1
  return file
}

describe('a PNG that breaks the format', () => {
  it.each<[string, Uint8Array<ArrayBuffer>, string, RegExp]>([
    ['ends in its signature', readPicture('rgb8.png').slice(0, 8), 'BAD_IMAGE', /before its header/],
    ['ends in a chunk', readPicture('rgb8.png').slice(0, 200), 'BAD_IMAGE', /IDAT chunk at byte 33 has \d+ bytes/],
    ['claims 0 pixels', withHeader(0, 0, 0, 0, 0), 'IMAGE_SIZE', /0×13/],
    ['claims 100000 rows', withHeader(4, 0, 1, 0x86, 0xa0), 'IMAGE_SIZE', /19×100000/],
    ['claims 30000×30000', withHeader(0, 0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30), 'IMAGE_SIZE', /900000000/],
    ['has 3 bits a sample', withHeader(8, 3), 'BAD_IMAGE', /3 bits/],
    ['has colour type 5', withHeader(9, 5), 'BAD_IMAGE', /colour type 5/],
    ['has no palette', withHeader(9, 3), 'BAD_IMAGE', /PLTE/],
    ['has an unknown interlace', withHeader(12, 2), 'BAD_IMAGE', /interlace 2/],
    ['has fewer pixels than it claims', withHeader(7, 14), 'BAD_IMAGE', /754 of 812 bytes/],
    ['has a damaged header', readPicture('rgb8.png').fill(3, 29, 30), 'BAD_IMAGE', /IHDR chunk at byte 8 .*CRC/],
    ['has a damaged palette', withDamagedPalette(), 'BAD_IMAGE', /PLTE chunk at byte \d+ .*CRC/],
    ['has damaged pixels', readPicture('rgb8.png').fill(0, 100, 110), 'BAD_IMAGE', /cannot be unpacked|ends after/],
    ['has an unknown filter', withPixels(new Uint8Array(13 * rowBytes).fill(5)), 'BAD_IMAGE', /unknown filter/],
  ])('%s', async (_, bytes, code, message) => {
    await expect(decodePng(bytes, 'The picture x.png')).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as unknown }),
    )
  })

  it('is taken when only the pixel data is too long, as libpng does, and does not unpack the rest', async () => {
    const image = await decodePng(withPixels(new Uint8Array(20_000_000)), 'x')
    expect([image.width, image.height, image.data.length]).toEqual([19, 13, 19 * 13 * 3])
  })

  it('never fails but with a SovitError, whatever byte is changed', async () => {
    const size = readPicture('palette4-trns.png').length
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 8, max: size - 1 }), fc.integer({ min: 0, max: 255 }), async (at, value) => {
        const bytes = readPicture('palette4-trns.png')
        bytes[at] = value
        const result = await decodePng(bytes, 'x').catch((error: unknown) => error)
        if (result instanceof Error) expect(result).toBeInstanceOf(SovitError)
      }),
      { numRuns: 60 },
    )
  })
})
