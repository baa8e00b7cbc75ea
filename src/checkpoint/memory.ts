import { SovitError, throwIfAborted, unlessAborted } from '../errors.js'
import { piecesOf } from './pieces.js'
import type { ByteSource, ModelSource } from './types.js'

/** Bytes in memory. Reads are views, not copies. */
export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: () => Promise.resolve(bytes.length),
    read: (begin, end) =>
      end <= bytes.length
        ? Promise.resolve(bytes.subarray(begin, end))
        : Promise.reject(truncated(name, end, bytes.length)),
  }
}

/** A Blob or File of the browser or of Node. */
export function blobSource(blob: Blob, name: string): ByteSource {
  return {
    name,
    size: () => Promise.resolve(blob.size),
    async read(begin, end, signal, into = new Uint8Array(end - begin)) {
      const bytes = into.subarray(0, end - begin)
      const length = await fill(blob.slice(begin, end), bytes, signal, `Reading ${name}`)
      if (length < bytes.length) throw truncated(name, end, begin + length)
      return bytes
    },
  }
}

/** Fills `into`, which is as long as the blob, and says how many bytes it got. */
async function fill(blob: Blob, into: Uint8Array, signal: AbortSignal | undefined, what: string): Promise<number> {
  const pieces = piecesOf(blob.stream())
  let length = 0
  try {
    for (;;) {
      throwIfAborted(signal, what)
      const piece = await unlessAborted(Promise.resolve(pieces.next()), signal, what)
      if (!piece) return length
      into.set(piece, length)
      length += piece.length
    }
  } finally {
    pieces.cancel()
  }
}

export function truncated(name: string, end: number, has: number): SovitError {
  const message = `${name} ends at byte ${has}, but byte ${end} was needed: it is cut off or changed while it was read.`
  return new SovitError('TRUNCATED', `${message} Download it again.`)
}

/** By its tag: a list of another frame is of another class, and Node has no such class. */
export function isFileList(source: ModelSource): source is FileList {
  return Object.prototype.toString.call(source) === '[object FileList]'
}
