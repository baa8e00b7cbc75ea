/** What a buffer holds at once, and the least it is given back with where streams know of that: fewer, larger pieces. */
const SCRATCH_BYTES = 2 ** 19
const LEAST_BYTES = 2 ** 18

/** The bytes of a stream, piece by piece. */
export interface Pieces {
  /** The next piece, which is valid until the next call, or null at the end. */
  next(): Promise<Uint8Array | null>
  /** Frees what the stream comes from. Harmless after the end. */
  cancel(): void
}

/**
 * Pieces of a body. Where the stream fills a given buffer (as browsers' own do), one buffer serves all of it: pieces that
 * are made anew lie about by the hundred megabytes until they are collected.
 */
export function piecesOf(body: ReadableStream<Uint8Array>): Pieces {
  let reader
  try {
    reader = body.getReader({ mode: 'byob' })
  } catch {
    return piecesMadeAnew(body.getReader()) // of a stream that takes no buffers
  }
  return piecesIn(new Uint8Array(SCRATCH_BYTES), reader as FillingReader)
}

/** The types of TypeScript 5.9 do not know `min` yet (Streams standard, 4.5.3), nor do all streams; these ignore it. */
interface FillingReader {
  read(view: Uint8Array, options: { readonly min: number }): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>>
  cancel(): Promise<void>
}

function piecesIn(scratch: Uint8Array<ArrayBuffer>, reader: FillingReader): Pieces {
  return {
    async next() {
      const { value } = await reader.read(scratch, { min: LEAST_BYTES })
      if (!value) return null // cancelled
      // The same memory: a buffer that was given is detached.
      scratch = new Uint8Array(value.buffer)
      return value.length > 0 ? value : null // the last piece may come with the end
    },
    cancel: () => void reader.cancel().catch(() => undefined),
  }
}

function piecesMadeAnew(reader: ReadableStreamDefaultReader<Uint8Array>): Pieces {
  return {
    next: async () => (await reader.read()).value ?? null,
    cancel: () => void reader.cancel().catch(() => undefined),
  }
}
