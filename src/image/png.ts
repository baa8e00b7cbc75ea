import { SovitError } from '../errors.js'
import { exifOrientation, orient } from './orientation.js'
import { checkSize } from './limits.js'
import { PNG_SIGNATURE } from './png-signature.js'
import type { RgbImage } from './types.js'

/**
 * PNG to RGB, so that a PNG has the same pixels in every browser and in Node, the ones that Pillow reads: browsers apply
 * gAMA, profiles and premultiplication each in its own way. PNG Specification (Third Edition), W3C 2025.
 *
 * Alpha and tRNS are dropped, gAMA, cHRM and iCCP ignored, 16-bit samples cut to their high byte, eXIf orientation applied.
 * The CRC of every chunk that matters is checked, but that of IDAT: its zlib stream has a checksum of its own.
 */

/** Samples a pixel and allowed bit depths, by colour type (table 8 of the specification). */
const COLOUR_TYPES: Readonly<Record<number, { readonly samples: number; readonly depths: readonly number[] }>> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
}
const PALETTE = 3

/** Passes as [first column, first row, column step, row step] (section 8, figure 5). */
type Pass = readonly [number, number, number, number]
const WHOLE: readonly Pass[] = [[0, 0, 1, 1]]
const ADAM7: readonly Pass[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
]

interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly colourType: number
  readonly samples: number
  readonly passes: readonly Pass[]
}

interface Chunks {
  readonly header: Header
  readonly palette: Uint8Array | undefined
  readonly exif: Uint8Array | undefined
  readonly compressed: readonly Uint8Array<ArrayBuffer>[]
}

/**
 * Decodes a PNG.
 *
 * @param what names the picture in errors
 * @throws SovitError `BAD_IMAGE` when the file breaks the format, `IMAGE_SIZE` when its header claims too large a picture
 */
export async function decodePng(bytes: Uint8Array<ArrayBuffer>, what: string): Promise<RgbImage> {
  const bad = (why: string, cause?: unknown): SovitError =>
    new SovitError('BAD_IMAGE', `${what} is no readable PNG: ${why}. Save it again, or fetch it anew.`, { cause })
  const { header, palette, exif, compressed } = readChunks(bytes, what, bad)
  if (header.colourType === PALETTE && palette === undefined) throw bad('it has palette colours but no PLTE chunk')
  const scanlines = await inflate(compressed, scanlineBytes(header), bad)
  const data = new Uint8Array(header.width * header.height * 3)
  let at = 0
  for (const pass of header.passes) {
    const { columns, rows, rowBytes } = passSize(header, pass)
    if (columns === 0) continue
    const end = at + rows * (rowBytes + 1)
    const part = scanlines.subarray(at, end)
    if (!unfilter(part, rowBytes, Math.max(1, (header.samples * header.depth) >> 3)))
      throw bad('a row has an unknown filter')
    placePass(part, rowBytes, columns, header, pass, palette, data)
    at = end
  }
  return orient({ width: header.width, height: header.height, data }, exif === undefined ? 1 : exifOrientation(exif))
}

function readChunks(bytes: Uint8Array<ArrayBuffer>, what: string, bad: (why: string) => SovitError): Chunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const compressed: Uint8Array<ArrayBuffer>[] = []
  let header: Header | undefined
  let palette: Uint8Array | undefined
  let exif: Uint8Array | undefined
  for (let at = PNG_SIGNATURE.length; at + 12 <= bytes.length;) {
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (at + 12 + length > bytes.length) {
      throw bad(`its ${type} chunk at byte ${at} has ${length} bytes, the file only ${bytes.length - at - 12} more`)
    }
    const data = bytes.subarray(at + 8, at + 8 + length)
    const guarded = header === undefined || type === 'PLTE' || type === 'eXIf'
    if (guarded && crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw bad(`its ${type} chunk at byte ${at} is damaged (CRC)`)
    }
    if (header === undefined) {
      if (type !== 'IHDR' || length !== 13) throw bad('it does not begin with an IHDR chunk of 13 bytes')
      header = readHeader(view, at + 8, what, bad)
    } else if (type === 'PLTE') palette = data
    else if (type === 'eXIf') exif = data
    else if (type === 'IDAT') compressed.push(data)
    else if (type === 'IEND') break
    at += 12 + length
  }
  if (header === undefined) throw bad('it ends before its header')
  return { header, palette, exif, compressed }
}

/** CRC-32 (ISO 3309), bit by bit: only small chunks are checked. */
function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
  }
  return ~crc >>> 0
}

function readHeader(view: DataView, at: number, what: string, bad: (why: string) => SovitError): Header {
  const width = view.getUint32(at)
  const height = view.getUint32(at + 4)
  const [depth, colourType, compression, filter, interlace] = Array.from({ length: 5 }, (_, i) =>
    view.getUint8(at + 8 + i),
  )
  checkSize(width, height, what)
  const kind = COLOUR_TYPES[colourType ?? -1]
  if (depth === undefined || colourType === undefined || !kind?.depths.includes(depth)) {
    throw bad(`colour type ${String(colourType)} with ${String(depth)} bits a sample does not exist`)
  }
  if (compression !== 0 || filter !== 0 || (interlace !== 0 && interlace !== 1)) {
    throw bad(
      `compression ${String(compression)}, filter ${String(filter)}, interlace ${String(interlace)} are unknown`,
    )
  }
  return { width, height, depth, colourType, samples: kind.samples, passes: interlace === 1 ? ADAM7 : WHOLE }
}

function passSize({ width, height, depth, samples }: Header, [x0, y0, dx, dy]: Pass) {
  const columns = Math.ceil(Math.max(0, width - x0) / dx)
  const rows = Math.ceil(Math.max(0, height - y0) / dy)
  return { columns, rows, rowBytes: Math.ceil((columns * samples * depth) / 8) }
}

/** Bytes of all rows of all passes, each row with its filter byte in front. */
function scanlineBytes(header: Header): number {
  return header.passes.reduce((total, pass) => {
    const { columns, rows, rowBytes } = passSize(header, pass)
    return columns === 0 ? total : total + rows * (rowBytes + 1)
  }, 0)
}

/** Inflates to exactly `length` bytes; what a stream holds beyond them is never unpacked further, so no bomb can go off. */
async function inflate(
  parts: readonly Uint8Array<ArrayBuffer>[],
  length: number,
  bad: (why: string, cause?: unknown) => SovitError,
): Promise<Uint8Array> {
  const out = new Uint8Array(length)
  let filled = 0
  const reader = new Blob([...parts]).stream().pipeThrough(new DecompressionStream('deflate')).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      const room = length - filled
      out.set(value.subarray(0, room), filled)
      filled += Math.min(value.length, room)
      if (value.length > room) {
        await reader.cancel()
        break
      }
    }
  } catch (cause) {
    throw bad(`its pixel data cannot be unpacked after ${filled} of ${length} bytes`, cause)
  }
  if (filled < length) throw bad(`its pixel data ends after ${filled} of ${length} bytes`)
  return out
}

/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices below stay inside the rows by construction */

/** Undoes the row filters in place (section 9). False for an unknown filter. */
function unfilter(rows: Uint8Array, rowBytes: number, step: number): boolean {
  const stride = rowBytes + 1
  let above = new Uint8Array(rowBytes)
  for (let start = 0; start < rows.length; start += stride) {
    const row = rows.subarray(start + 1, start + stride)
    const filter = rows[start]!
    if (filter > 4) return false
    for (let i = 0; i < rowBytes && filter > 0; i++) {
      const left = i < step ? 0 : row[i - step]!
      const up = above[i]!
      if (filter === 1) row[i] = row[i]! + left
      else if (filter === 2) row[i] = row[i]! + up
      else if (filter === 3) row[i] = row[i]! + ((left + up) >> 1)
      else row[i] = row[i]! + paeth(left, up, i < step ? 0 : above[i - step]!)
    }
    above = row as Uint8Array<ArrayBuffer>
  }
  return true
}

function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner)
  const toUp = Math.abs(left - corner)
  const toCorner = Math.abs(left + up - 2 * corner)
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** Writes the pixels of one pass to their places in the RGB picture. */
function placePass(
  rows: Uint8Array,
  rowBytes: number,
  columns: number,
  header: Header,
  [x0, y0, dx, dy]: Pass,
  palette: Uint8Array | undefined,
  data: Uint8Array,
): void {
  const { width, depth, samples, colourType } = header
  const coloured = samples >= 3
  const scale = depth < 8 && palette === undefined ? 255 / (2 ** depth - 1) : 1
  for (let y = 0; (rowBytes + 1) * y < rows.length; y++) {
    const start = (rowBytes + 1) * y + 1
    for (let x = 0; x < columns; x++) {
      const out = ((y0 + y * dy) * width + x0 + x * dx) * 3
      const first = sample(rows, start, x * samples, depth)
      if (colourType === PALETTE && palette !== undefined) {
        for (let c = 0; c < 3; c++) data[out + c] = palette[first * 3 + c] ?? 0
      } else {
        data[out] = first * scale
        data[out + 1] = coloured ? sample(rows, start, x * samples + 1, depth) : first * scale
        data[out + 2] = coloured ? sample(rows, start, x * samples + 2, depth) : first * scale
      }
    }
  }
}

/** Sample `i` of the row at `start`: as stored up to 8 bits, the high byte of 16. */
function sample(rows: Uint8Array, start: number, i: number, depth: number): number {
  if (depth === 8) return rows[start + i]!
  if (depth === 16) return rows[start + 2 * i]!
  const bit = i * depth
  return (rows[start + (bit >> 3)]! >> (8 - depth - (bit & 7))) & (2 ** depth - 1)
}
