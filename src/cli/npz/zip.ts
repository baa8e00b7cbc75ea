/** Files in a zip archive (APPNOTE 6.3), stored or deflated, with zip64: what numpy.savez and savez_compressed write. */
import type { FileHandle } from 'node:fs/promises'
import { createInflateRaw } from 'node:zlib'
import { pipeline } from 'node:stream/promises'
import { PassThrough, Readable } from 'node:stream'
import { SovitError } from '../../errors.js'

export interface ZipEntry {
  readonly name: string
  readonly deflated: boolean
  /** Bytes in the archive, and as read. */
  readonly stored: number
  readonly size: number
  /** Where its local header begins. */
  readonly at: number
}

const END = 0x06054b50
const END_64 = 0x06064b50
const LOCATOR_64 = 0x07064b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
/** Bytes of the records without what varies. */
const END_BYTES = 22
const CENTRAL_BYTES = 46
const LOCAL_BYTES = 30
/** In place of what only the zip64 record tells. */
const MANY_16 = 0xffff
const MANY_32 = 0xffffffff
/** More than any archive of weights has; the directory of one is read at once. */
const MAX_DIRECTORY = 64 * 2 ** 20
const PIECE_BYTES = 2 ** 20

export function badNpz(what: string): SovitError {
  return new SovitError(
    'BAD_NPZ',
    `The .npz file cannot be used: ${what}. Download it again, or save it by numpy.savez.`,
  )
}

/** All files of an archive, by the directory at its end. Throws `BAD_NPZ`. */
export async function readZip(file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat()
  const { at, bytes, count } = await findDirectory(file, size)
  if (bytes > MAX_DIRECTORY || at + bytes > size) throw badNpz(`its directory of ${bytes} bytes is not in the file`)
  const directory = await readAt(file, at, bytes)
  const entries: ZipEntry[] = []
  for (let i = 0, next = 0; i < count; i++) {
    if (next + CENTRAL_BYTES > bytes || directory.readUInt32LE(next) !== CENTRAL)
      throw badNpz('its directory is broken')
    const [name, extra, comment] = [28, 30, 32].map((offset) => directory.readUInt16LE(next + offset))
    const end = next + CENTRAL_BYTES + (name ?? 0) + (extra ?? 0) + (comment ?? 0)
    if (end > bytes) throw badNpz('its directory is broken')
    entries.push(entryOf(directory.subarray(next, end), name ?? 0, extra ?? 0))
    next = end
  }
  return entries
}

async function findDirectory(file: FileHandle, size: number) {
  const tail = await readAt(file, Math.max(0, size - END_BYTES - MANY_16), Math.min(size, END_BYTES + MANY_16))
  let end = tail.length - END_BYTES
  while (end >= 0 && tail.readUInt32LE(end) !== END) end--
  if (end < 0) throw badNpz('it is no zip archive')
  const [count, bytes, at] = [tail.readUInt16LE(end + 10), tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)]
  const locator = end - 20
  if (locator < 0 || tail.readUInt32LE(locator) !== LOCATOR_64) return { count, bytes, at }
  const record = await readAt(file, wide(tail, locator + 8), 56)
  if (record.readUInt32LE(0) !== END_64) throw badNpz('its directory is broken')
  return { count: wide(record, 32), bytes: wide(record, 40), at: wide(record, 48) }
}

function entryOf(record: Buffer, nameBytes: number, extraBytes: number): ZipEntry {
  const name = record.toString('utf8', CENTRAL_BYTES, CENTRAL_BYTES + nameBytes)
  const flags = record.readUInt16LE(8)
  const method = record.readUInt16LE(10)
  if ((flags & 1) !== 0) throw badNpz(`${name} in it is encrypted`)
  if (method !== 0 && method !== 8) throw badNpz(`${name} in it is packed by method ${method}; 0 and 8 can be read`)
  const extra = record.subarray(CENTRAL_BYTES + nameBytes, CENTRAL_BYTES + nameBytes + extraBytes)
  const [size = 0, stored = 0, at = 0] = widened(
    [24, 20, 42].map((offset) => record.readUInt32LE(offset)),
    extra,
    name,
  )
  return { name, deflated: method === 8, stored, size, at }
}

/** Numbers of 32 bits, those that do not fit them from the zip64 field, which has just these, in their order. */
function widened(numbers: readonly number[], extra: Buffer, name: string): number[] {
  let field = extra.subarray(0, 0)
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === 1) field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2))
  }
  let at = 0
  return numbers.map((number) => {
    if (number !== MANY_32) return number
    if (at + 8 > field.length) throw badNpz(`the sizes of ${name} in it are missing`)
    at += 8
    return wide(field, at - 8)
  })
}

/** The content of a file of the archive, piece by piece. Throws `BAD_NPZ` when it is not of its stated size. */
export async function* readEntry(file: FileHandle, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const header = await readAt(file, entry.at, LOCAL_BYTES)
  if (header.readUInt32LE(0) !== LOCAL) throw badNpz(`${entry.name} is not where its directory says`)
  const begin = entry.at + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28)
  const raw = pieces(file, begin, begin + entry.stored)
  let bytes = 0
  for await (const piece of entry.deflated ? inflated(raw, entry.name) : raw) {
    bytes += piece.length
    if (bytes > entry.size) break
    yield piece
  }
  if (bytes !== entry.size) throw badNpz(`${entry.name} in it has not the ${entry.size} bytes of its directory`)
}

async function* inflated(raw: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const out = new PassThrough()
  const done = pipeline(Readable.from(raw), createInflateRaw(), out)
  done.catch(() => undefined) // told below
  try {
    for await (const piece of out) yield piece as Uint8Array
    await done
  } catch (cause) {
    throw badNpz(`${name} in it cannot be inflated (${cause instanceof Error ? cause.message : String(cause)})`)
  }
}

async function* pieces(file: FileHandle, begin: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = begin; at < end; at += PIECE_BYTES) yield await readAt(file, at, Math.min(PIECE_BYTES, end - at))
}

async function readAt(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes)
  const { bytesRead } = await file.read(buffer, 0, bytes, at)
  if (bytesRead < bytes) throw badNpz(`it ends at byte ${at + bytesRead}, within what it lists`)
  return buffer
}

function wide(buffer: Buffer, at: number): number {
  const number = Number(buffer.readBigUInt64LE(at))
  if (!Number.isSafeInteger(number)) throw badNpz(`it states a size of ${number} bytes`)
  return number
}
