import { SovitError, throwIfAborted } from '../errors.js'

/** Settles as `work` does, or rejects with the `ABORTED` error as soon as `signal` aborts, whatever `work` is doing. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (!signal) return work
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(new SovitError('ABORTED', `${what} was aborted.`, { cause: signal.reason }))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** Waits `ms`, or rejects with the `ABORTED` error at once; no timer is left behind that would keep Node alive. */
export function pause(ms: number, signal: AbortSignal | undefined, what: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return abortable(waited, signal, what).finally(() => clearTimeout(timer))
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
  const reader = body.getReader()
  let length = 0
  try {
    for (;;) {
      throwIfAborted(signal, what)
      const { done, value } = await abortable(reader.read(), signal, what)
      if (done) return { length, more: false }
      if (value.length > into.length - length) return { length, more: true }
      into.set(value, length)
      length += value.length
    }
  } finally {
    // Harmless after the end; after an error or an abort it frees the connection. Its own failure has nothing to add.
    void reader.cancel().catch(() => undefined)
  }
}
