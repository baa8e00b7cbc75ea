import { deflateRawSync } from 'node:zlib'

/** How a zip is written. Everything that a real archive may have and a reader must understand. */
export interface ZipForm {
  readonly deflated?: boolean
  /** Sizes and places in zip64 fields. */
  readonly wide?: boolean
  readonly comment?: string
}

/** A zip archive of these files. Plain: no checksums, which nobody here looks at. */
export function zipOf(files: ReadonlyMap<string, Uint8Array>, form: ZipForm = {}): Buffer {
  const { deflated = false, wide = false, comment = '' } = form
  const [locals, central]: [Buffer[], Buffer[]] = [[], []]
  let at = 0
  for (const [name, bytes] of files) {
    const stored = deflated ? deflateRawSync(bytes) : Buffer.from(bytes)
    const numbers = [bytes.length, stored.length, at]
    const extra = wide ? Buffer.concat([u16(1), u16(24), ...numbers.map(u64)]) : Buffer.of()
    const [size, packed, place] = wide ? [0xffffffff, 0xffffffff, 0xffffffff] : numbers
    const method = u16(deflated ? 8 : 0)
    // numpy writes a local extra field of its own length, which the directory does not have.
    const local = Buffer.concat([u16(1), u16(4), Buffer.from('abcd')])
    const times = Buffer.alloc(8)
    const own = [u16(20), u16(0), method, times, u32(packed ?? 0), u32(size ?? 0), u16(name.length)]
    const entry = [u32(0x04034b50), ...own, u16(local.length), Buffer.from(name), local, stored]
    central.push(
      Buffer.concat([
        ...[u32(0x02014b50), u16(20), ...own, u16(extra.length), u16(0), Buffer.alloc(8), u32(place ?? 0)],
        ...[Buffer.from(name), extra],
      ]),
    )
    locals.push(...entry)
    at += entry.reduce((sum, { length }) => sum + length, 0)
  }
  const bytes = central.reduce((sum, { length }) => sum + length, 0)
  const count = files.size
  const head = [u32(0x06064b50), u64(44), u16(45), u16(45), u32(0), u32(0), u64(count), u64(count), u64(bytes), u64(at)]
  const end64 = wide ? [...head, u32(0x07064b50), u32(0), u64(at + bytes), u32(1)] : []
  const [few, small, near] = wide ? [0xffff, 0xffffffff, 0xffffffff] : [count, bytes, at]
  const end = [u32(0x06054b50), u32(0), u16(few), u16(few), u32(small), u32(near), u16(comment.length)]
  return Buffer.concat([...locals, ...central, ...end64, ...end, Buffer.from(comment)])
}

/** An array as numpy.save writes it. */
export function npyOf(
  descr: string,
  shape: readonly number[],
  data: Uint8Array,
  { version = 1, order = 'False' } = {},
): Buffer {
  const sizes = shape.length === 1 ? `${shape.join()},` : shape.join(', ')
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${sizes}), }`
  const padded = `${text.padEnd(117)}\n`
  const length = version === 1 ? u16(padded.length) : u32(padded.length)
  return Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.of(version, 0), length, Buffer.from(padded), data])
}

function u16(n: number): Buffer {
  return Buffer.of(n & 255, n >> 8)
}

function u32(n: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(n)
  return buffer
}

function u64(n: number): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(n))
  return buffer
}
