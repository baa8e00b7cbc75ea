import { headerLength, parseHeader } from './header.js'
import type { DType } from './public.js'

/** A tensor of a file that lies in memory. */
export interface TensorInMemory {
  /** Of its elements. */
  readonly dtype: DType
  /** Sizes of its axes; none for a single number. */
  readonly shape: readonly number[]
  /** A view of the file's bytes; at any alignment. */
  readonly data: Uint8Array
}

/**
 * The tensors of a whole (small) file in memory, checked by every rule of the format.
 * Throws `BAD_SAFETENSORS`, naming the file as `file`.
 */
export function readSafetensors(bytes: Uint8Array, file = 'The file'): ReadonlyMap<string, TensorInMemory> {
  const end = 8 + headerLength(bytes, bytes.length, file)
  const { tensors } = parseHeader(bytes.subarray(8, end), bytes.length, file)
  return new Map(
    [...tensors].map(([name, { dtype, shape, begin, end }]) => [
      name,
      { dtype, shape, data: bytes.subarray(begin, end) },
    ]),
  )
}
