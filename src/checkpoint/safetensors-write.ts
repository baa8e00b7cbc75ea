import { SovitError } from '../errors.js'
import { DTYPE_BITS } from './dtype.js'
import type { DType } from './types.js'

export interface TensorToWrite {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Elements in row-major order, little-endian. */
  readonly data: Uint8Array | Float32Array | Int32Array
}

/**
 * A safetensors file as parts to be written one after another; the data is not copied.
 * Tensors are ordered as by the reference writer: widest dtype first, then by name. The header is padded to 8 bytes.
 * Throws `BAD_OPTION` for a name used twice, and for data that does not have the bytes of its shape.
 */
export function encodeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array[] {
  const entries: string[] = metadata ? [`"__metadata__":${JSON.stringify(metadata)}`] : []
  const names = new Set(['__metadata__'])
  let at = 0
  const inOrder = [...tensors].sort(byWidthThenName)
  for (const { name, dtype, shape, data } of inOrder) {
    if (names.has(name)) throw new SovitError('BAD_OPTION', `The tensor name "${name}" is taken. Use each name once.`)
    names.add(name)
    const bytes = (shape.reduce((product, n) => product * n, 1) * DTYPE_BITS[dtype]) / 8
    if (bytes !== data.byteLength) {
      const needs = `Tensor "${name}" of shape [${shape.join(', ')}] and dtype ${dtype} needs ${bytes} bytes`
      throw new SovitError('BAD_OPTION', `${needs}, but has ${data.byteLength}. Correct its shape, dtype or data.`)
    }
    // Written by hand: in an object, a name such as "7" would move to the front and "__proto__" would vanish.
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, at + bytes] })}`)
    at += bytes
  }
  return [encodeHeader(`{${entries.join(',')}}`), ...inOrder.map(({ data }) => asBytes(data))]
}

function encodeHeader(json: string): Uint8Array {
  const text = new TextEncoder().encode(json)
  const length = Math.ceil(text.length / 8) * 8
  const header = new Uint8Array(8 + length).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true)
  header.set(text, 8)
  return header
}

function byWidthThenName(a: TensorToWrite, b: TensorToWrite): number {
  return DTYPE_BITS[b.dtype] - DTYPE_BITS[a.dtype] || (a.name < b.name ? -1 : 1)
}

function asBytes(data: Uint8Array | Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
