/** One request at a time: asking, waiting for bytes under a watchdog, and trying again what may succeed later. */
import { throwIfAborted } from '../errors.js'
import { pause } from './abort.js'
import { Passing, refusal, TRIES, type Head } from './http-answer.js'
import { piecesOf, type Pieces } from './pieces.js'

/** How long is waited for what; tests bring their own. */
export interface Patience {
  /** A try is given up when no byte arrives for so long. (There is no limit for a whole answer: it may be large.) */
  readonly idleMs: number
  wait(ms: number, signal: AbortSignal | undefined, what: string): Promise<void>
}

const PATIENCE: Patience = { idleMs: 30_000, wait: pause }
/** The least wait before the second try; it doubles with each. */
const BACKOFF_MS = 500

/**
 * One request, with its redirects followed: a client of http. `stop` frees the connection at any time. `cache` is that of
 * `fetch`.
 */
export type Send = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  stop: AbortSignal,
  cache?: RequestCache,
) => Promise<{ readonly head: Head; readonly pieces: Pieces | null }>

export interface RemoteFile {
  readonly url: URL
  /** Without the query: signed addresses carry secrets, and messages travel. */
  readonly name: string
  readonly send: Send
  readonly patience: Patience
}

/** Asks by a caller's `fetch`, or by the global one: called as a method, because it refuses any other `this` in browsers. */
export function byFetch(fetcher: typeof fetch = (input, init) => globalThis.fetch(input, init)): Send {
  return async (url, headers, signal, cache) => {
    const response = await fetcher(url, { headers, signal, cache })
    return { head: response, pieces: response.body && piecesOf(response.body) }
  }
}

export function remoteFile(url: URL, send = byFetch(), patience = PATIENCE): RemoteFile {
  return { url, name: url.origin + url.pathname, send, patience }
}

export interface Answer {
  readonly response: Head
  /** The next bytes of the body, valid until the next call, or null at its end. */
  next(signal: AbortSignal | undefined): ReturnType<Pieces['next']>
  /** See `Pieces`. */
  readonly fill: (room: Uint8Array) => void
  /** Frees the connection. Harmless after the end. */
  readonly close: () => void
}

/**
 * Asks for a range (of the first answer: `ifRange` is undefined) and gives its answer, whose status is 200, 206 or 416.
 *
 * Redirects are followed anew by each request, as the addresses they lead to are signed and expire. A refusal from such an
 * address after the first answer is asked about once more, past any cache that could have kept the redirect.
 */
export async function ask(
  file: RemoteFile,
  range: string,
  signal: AbortSignal | undefined,
  ifRange?: string | null,
  cache: RequestCache = 'default',
): Promise<Answer> {
  const { url, name, send } = file
  const headers = { Range: range, ...(ifRange && { 'If-Range': ifRange }) }
  const request = (cache: RequestCache): Promise<Answer> =>
    exchange(file, signal, (stop) => send(url, headers, stop, cache))
  let answer = await request(cache)
  const { redirected, status } = answer.response
  if (ifRange !== undefined && redirected && (status === 403 || status === 410)) {
    answer.close()
    answer = await request(cache === 'default' ? 'reload' : cache)
  }
  const problem = refusal(answer.response, name)
  if (!problem) return answer
  answer.close()
  throw problem
}

async function exchange(
  { name, patience: { idleMs } }: RemoteFile,
  signal: AbortSignal | undefined,
  send: (stop: AbortSignal) => ReturnType<Send>,
): Promise<Answer> {
  const what = `Reading ${name}`
  const stop = new AbortController()
  const idle = watchdog(idleMs)
  let pieces: Pieces | null = null
  const close = (): void => {
    idle.end()
    stop.abort()
    pieces?.cancel()
  }
  const watched = async <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    try {
      return await idle.watch(work, signal)
    } catch (cause) {
      close()
      throwIfAborted(signal, what)
      throw unreachable(name, cause)
    } finally {
      idle.rest()
    }
  }
  throwIfAborted(signal, what)
  const reply = await watched(send(stop.signal), signal)
  pieces = reply.pieces
  return {
    response: reply.head,
    close,
    fill: (room) => reply.pieces?.fill?.(room),
    next(signal) {
      throwIfAborted(signal, what)
      const piece = reply.pieces?.next() ?? null
      return piece instanceof Promise ? watched(piece, signal) : piece
    },
  }
}

/**
 * Barks when somebody waits for longer than `ms`, or is aborted. One timer and one listener for all waits: a body comes in thousands of
 * pieces. (Of a race with one promise for all of them, that promise would hold every piece.)
 */
function watchdog(ms: number) {
  let since = Infinity
  let bark: ((error?: Error) => void) | undefined
  let heard: AbortSignal | undefined
  const aborted = (): void => bark?.()
  const hear = (signal: AbortSignal | undefined): void => {
    if (signal === heard) return
    heard?.removeEventListener('abort', aborted)
    heard = signal
    signal?.addEventListener('abort', aborted)
  }
  const look = (): void => {
    if (performance.now() - since >= ms) bark?.(new Error(`no byte came for ${ms / 1000} s`))
    else timer = setTimeout(look, ms / 4)
  }
  let timer = setTimeout(look, ms)
  return {
    watch: <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        hear(signal)
        since = performance.now()
        bark = reject
        if (signal?.aborted) aborted() // while it was asked
        work.then(resolve, reject)
      }),
    rest(): void {
      since = Infinity
      bark = undefined
    },
    end(): void {
      clearTimeout(timer)
      hear(undefined)
    },
  }
}

/** Does `work`, and again after a while when it fails in a way that may pass. `used` counts the failures. */
export async function retried<T>(
  { name, patience }: RemoteFile,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  used = { tries: 0 },
): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Passing) || ++used.tries >= TRIES) throw error
      // Jitter, or all reads in flight (and all pages that a broken server cut off) would come back at one time.
      const backoff = BACKOFF_MS * 2 ** (used.tries - 1) * (1 + Math.random())
      await patience.wait(Math.max(error.afterMs, backoff), signal, `Reading ${name}`)
    }
  }
}

function unreachable(name: string, cause: unknown): Passing {
  const reason = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : ''
  const what = `${name} could not be read in ${TRIES} tries: ${reason || 'the network failed'}`
  const wayOut = 'Check the connection and, in a page, that the server allows your origin (CORS)'
  return new Passing(`${what}. ${wayOut}.`, { cause })
}
