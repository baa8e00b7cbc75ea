import { throwIfAborted, unlessAborted } from '../errors.js'
import { piecesOf } from './pieces.js'

/** Waits `ms`, or rejects with the `ABORTED` error at once; no timer is left behind that would keep Node alive. */
export function pause(ms: number, signal: AbortSignal | undefined, what: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return unlessAborted(waited, signal, what).finally(() => clearTimeout(timer))
}

/**
 * Fills `into` from the start of `body`, and says how many bytes it got and whether the body held more than fit.
 * The rest of a longer body is cancelled, not read.
 */
export async function fill(
  body: ReadableStream<Uint8Array>,
  into: Uint8Array,
  signal: AbortSignal | undefined,
  what: string,
): Promise<{ length: number; more: boolean }> {
  const pieces = piecesOf(body)
  let length = 0
  try {
    for (;;) {
      throwIfAborted(signal, what)
      const piece = await unlessAborted(Promise.resolve(pieces.next()), signal, what)
      if (!piece) return { length, more: false }
      if (piece.length > into.length - length) return { length, more: true }
      into.set(piece, length)
      length += piece.length
    }
  } finally {
    pieces.cancel()
  }
}
