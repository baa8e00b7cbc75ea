import { SovitError } from '../errors.js'
import type { Hash } from './hash-jobs.js'
import { inNode } from './in-node.js'
import { pageThread } from './page-thread.js'
import { PIECE_BYTES } from './stream.js'

/** A run of bytes [begin, end). */
export type Span = readonly [begin: number, end: number]

export interface Hashed {
  /** The SHA-256 in hex of each span. */
  readonly hashes: readonly string[]
  /** The bytes that were hashed: the same, in other memory perhaps. */
  readonly bytes: Uint8Array
  /** Why there are none. */
  readonly failure?: string
}

/** The pieces of so many bytes. */
export function piecesOf(length: number): Span[] {
  const count = Math.ceil(length / PIECE_BYTES)
  return Array.from({ length: count }, (_, i) => [i * PIECE_BYTES, Math.min(length, (i + 1) * PIECE_BYTES)])
}

/** The bytes for what takes no shared memory, as WebCrypto and `Response`. */
export function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return (bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice()) as Uint8Array<ArrayBuffer>
}

/** Of a SHA-256 in hex, with which files of chunks begin. */
export const HASH_BYTES = 64

/** SHA-256 in hex. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', unshared(bytes))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Hashes spans of bytes: on a thread of its own, where the bytes lie in memory shared with it, or are `movable`. In pages their
 * buffer is moved there and back then, and the given one is empty. (WebCrypto copies all bytes, and in Chromium hashes them, on
 * the thread that also reads the network.)
 */
export async function hashSpans(bytes: Uint8Array, spans: readonly Span[], movable: boolean): Promise<Hashed> {
  const thread = (inNode ? !(bytes.buffer instanceof ArrayBuffer) : movable) && (await hashing())
  if (thread) {
    const done = await thread(bytes, spans)
    if (done.failure !== undefined) throw new SovitError('WORKER', `SHA-256 failed (${done.failure}). Load again.`)
    return done
  }
  return { bytes, hashes: await Promise.all(spans.map(([begin, end]) => sha256(bytes.subarray(begin, end)))) }
}

/** What hashes on a thread of its own, or null where none starts. Node's is in a file of its own, as pages never need it. */
export async function hashing(): Promise<Hash | null> {
  return inNode ? (await import('./hash-node.js')).nodeThread() : pageThread()
}
