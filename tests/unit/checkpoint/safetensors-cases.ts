import { createHash } from 'node:crypto'
import { SovitError, type SovitErrorCode } from '../../../src/errors.js'
import { expect } from 'vitest'

/** A file with this JSON text as its header and `data` zero bytes behind it. */
export function fileOf(json: string, data = 0): Uint8Array {
  return fileOfBytes(new TextEncoder().encode(json), data)
}

export function fileOfBytes(header: Uint8Array, data = 0): Uint8Array {
  const file = new Uint8Array(8 + header.length + data)
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true)
  file.set(header, 8)
  return file
}

/** Text of a tensor's entry, data_offsets [begin, end). */
export function entry(name: string, dtype: string, shape: unknown, begin: unknown, end: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`
}

/** Bytes that a manifest and the cache hash at once. */
export const PIECE = 2 ** 19

/** Not by the code that is tested. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Bytes that differ from their neighbours at every distance that matters here. */
export function pattern(length: number, seed = 1): Uint8Array {
  let state = seed >>> 0
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

/** Expects a SovitError with this code and all these words in its message. */
export async function expectError(
  work: (() => unknown) | Promise<unknown>,
  code: SovitErrorCode,
  ...words: (string | number)[]
): Promise<SovitError> {
  let error: unknown = new Error('nothing was thrown')
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(SovitError)
  const sovit = error as SovitError
  expect(sovit.code, sovit.message).toBe(code)
  for (const word of words) expect(sovit.message).toContain(String(word))
  return sovit
}
