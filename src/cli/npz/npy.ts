/** One array of NumPy's format (numpy/lib/format.py), versions 1 to 3, read slice by slice. */
import type { FileHandle } from 'node:fs/promises'
import type { DType } from '../../checkpoint/types.js'
import { badNpz, readEntry, type ZipEntry } from './zip.js'

export interface ArrayHeader {
  readonly shape: readonly number[]
  /** Of safetensors; null for arrays that can be no weights. */
  readonly dtype: DType | null
  /** Bytes before the data. */
  readonly bytes: number
}

/** Bytes at the begin of an array that hold its header: of weights, 128. */
const HEADER_BYTES = 4096

/** Little-endian; NumPy knows no bfloat16, and writes what ml_dtypes has of it as 2 bytes of anything. */
const DTYPES: Readonly<Record<string, DType>> = {
  '<f4': 'F32',
  '<f2': 'F16',
  '<V2': 'BF16',
  '|V2': 'BF16',
  bfloat16: 'BF16',
}

export async function readArrayHeader(file: FileHandle, entry: ZipEntry): Promise<ArrayHeader> {
  const start = new Uint8Array(Math.min(HEADER_BYTES, entry.size))
  let filled = 0
  for await (const piece of readEntry(file, entry)) {
    start.set(piece.subarray(0, start.length - filled), filled)
    filled += Math.min(piece.length, start.length - filled)
    if (filled === start.length) break
  }
  return parseArrayHeader(Buffer.from(start.buffer), entry.name)
}

export function parseArrayHeader(start: Buffer, name: string): ArrayHeader {
  if (start.length < 12 || start.toString('latin1', 0, 6) !== '\x93NUMPY') throw badNpz(`${name} in it is no array`)
  const version = start[6] ?? 0
  if (version < 1 || version > 3) throw badNpz(`${name} in it is of version ${version} of NumPy's format, not 1 to 3`)
  const begin = version === 1 ? 10 : 12
  const bytes = begin + (version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8))
  if (bytes > start.length) throw badNpz(`the header of ${name} in it has ${bytes} bytes`)
  const text = start.toString('latin1', begin, bytes)
  const [, descr] = /'descr': *(?:'([^']*)')/.exec(text) ?? []
  const [, order] = /'fortran_order': *(True|False)/.exec(text) ?? []
  const [, sizes] = /'shape': *\(([\d, ]*)\)/.exec(text) ?? []
  if (order === undefined || sizes === undefined) throw badNpz(`the header of ${name} in it is ${text.trim()}`)
  const shape = [...sizes.matchAll(/\d+/g)].map(([size]) => Number(size))
  if (order === 'True' && shape.length > 1) {
    throw badNpz(`${name} in it is in Fortran's order, and only C's is read (numpy.ascontiguousarray)`)
  }
  return { shape, dtype: DTYPES[descr ?? ''] ?? null, bytes }
}

/** The data of an array in slices of `bytes` each, which are valid until the next is asked for. */
export async function* readSlices(
  file: FileHandle,
  entry: ZipEntry,
  header: ArrayHeader,
  bytes: number,
): AsyncGenerator<Uint8Array> {
  const slice = new Uint8Array(bytes)
  let [skip, filled] = [header.bytes, 0]
  for await (const piece of readEntry(file, entry)) {
    let from = Math.min(skip, piece.length)
    skip -= from
    while (from < piece.length) {
      const taken = piece.subarray(from, from + bytes - filled)
      slice.set(taken, filled)
      from += taken.length
      filled += taken.length
      if (filled < bytes) continue
      yield slice
      filled = 0
    }
  }
  if (filled > 0 || skip > 0) throw badNpz(`${entry.name} in it has not the bytes of its shape`)
}
