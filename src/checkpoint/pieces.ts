/** What a buffer holds at once: browsers hand over up to 2 MB. */
const SCRATCH_BYTES = 2 ** 19

/**
 * Readers that are waiting for bytes. Chromium (156) does not keep the stream of a Blob alive for a read into a given
 * buffer: where nothing else held on to it, a collection took stream and read with it, and the promise never settled.
 */
const waiting = new Set<ReadableStreamBYOBReader>()

/** Buffers of bodies that have ended, for the next ones: a tower comes in 70, whose buffers would wait to be collected. */
const spare: Uint8Array<ArrayBuffer>[] = []

/** The bytes of a stream, piece by piece. */
export interface Pieces {
  /** The next piece, which is valid until the next call, or null at the end: at once where it is there already. */
  next(): Uint8Array | null | Promise<Uint8Array | null>
  /** Has what comes put into `room`, from its start, by those that can: their pieces may lie where they belong then. */
  fill?(room: Uint8Array): void
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
  return piecesIn(spare.pop() ?? new Uint8Array(SCRATCH_BYTES), reader)
}

function piecesIn(scratch: Uint8Array<ArrayBuffer> | null, reader: ReadableStreamBYOBReader): Pieces {
  return {
    async next() {
      if (!scratch) return null // it has ended, and the buffer is another's by now
      waiting.add(reader)
      const { value } = await reader.read(scratch).finally(() => waiting.delete(reader))
      if (!value) return null // cancelled
      // The same memory: a buffer that was given is detached.
      scratch = new Uint8Array(value.buffer)
      if (value.length > 0) return value // the last piece may come with the end
      spare.push(scratch)
      return (scratch = null)
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
