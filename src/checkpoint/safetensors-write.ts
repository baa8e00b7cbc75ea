import { SovitError } from '../errors.js'
import { DTYPE_BITS } from './dtype.js'
import type { DType } from './public.js'

const DTYPES = Object.keys(DTYPE_BITS)

/** A tensor as the header tells of it. */
export interface TensorToPlace {
  /** Used once in a file. */
  readonly name: string
  /** Of its elements. */
  readonly dtype: DType
  /** Sizes of its axes; none for a single number. */
  readonly shape: readonly number[]
}

/** A tensor with its elements. */
export interface TensorToWrite extends TensorToPlace {
  /** Elements in row-major order, little-endian. */
  readonly data: Uint8Array | Float32Array | Int32Array
}

/** A file before its data: what it begins with, and the byte at which each tensor begins, in the order given. */
export interface Placement {
  readonly header: Uint8Array<ArrayBuffer>
  readonly begins: readonly number[]
  /** Bytes of the whole file. */
  readonly end: number
}

/**
 * A safetensors file as parts to be written one after another, or to make a Blob of. Data is not copied, unless it lies in
 * shared memory, which Blobs refuse.
 * Tensors are ordered as by the reference writer: by dtype, widest first, then by name. The header is padded to 8 bytes.
 * Throws `BAD_OPTION` for a name used twice, and for data that does not have the bytes of its shape.
 */
export function encodeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer>[] {
  const inOrder = [...tensors].sort(byDtypeThenName)
  const { header } = placeTensors(inOrder, metadata)
  for (const tensor of inOrder) {
    const { name, dtype, shape, data } = tensor
    const bytes = bytesOf(tensor)
    if (bytes !== data.byteLength) {
      const needs = `Tensor "${name}" of shape [${shape.join(', ')}] and dtype ${dtype} needs ${bytes} bytes`
      throw new SovitError('BAD_OPTION', `${needs}, but has ${data.byteLength}. Correct its shape, dtype or data.`)
    }
  }
  return [header, ...inOrder.map(({ data }) => asBytes(data))]
}

/** Places tensors one after another, in the order given. Throws `BAD_OPTION` for a name used twice. */
export function placeTensors(
  tensors: readonly TensorToPlace[],
  metadata?: Readonly<Record<string, string>>,
): Placement {
  const entries: string[] = metadata ? [`"__metadata__":${JSON.stringify(metadata)}`] : []
  const names = new Set(['__metadata__'])
  const starts: number[] = []
  let at = 0
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor
    if (names.has(name)) throw new SovitError('BAD_OPTION', `The tensor name "${name}" is taken. Use each name once.`)
    names.add(name)
    starts.push(at)
    const end = at + bytesOf(tensor)
    // Written by hand: in an object, a name such as "7" would move to the front and "__proto__" would vanish.
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, end] })}`)
    at = end
  }
  const header = encodeHeader(`{${entries.join(',')}}`)
  return { header, begins: starts.map((start) => header.length + start), end: header.length + at }
}

function bytesOf({ dtype, shape }: TensorToPlace): number {
  return (shape.reduce((product, n) => product * n, 1) * DTYPE_BITS[dtype]) / 8
}

function encodeHeader(json: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(json)
  const length = Math.ceil(text.length / 8) * 8
  const header = new Uint8Array(8 + length).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true)
  header.set(text, 8)
  return header
}

function byDtypeThenName(a: TensorToWrite, b: TensorToWrite): number {
  return DTYPES.indexOf(b.dtype) - DTYPES.indexOf(a.dtype) || (a.name < b.name ? -1 : 1)
}

function asBytes({ buffer, byteOffset, byteLength }: TensorToWrite['data']): Uint8Array<ArrayBuffer> {
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, byteLength)
  return new Uint8Array(buffer, byteOffset, byteLength).slice()
}
