/** One request at a time: asking, waiting for bytes under a watchdog, and trying again what may succeed later. */
import { throwIfAborted, unlessAborted } from '../errors.js'
import { pause } from './abort.js'
import { Passing, refusal, TRIES } from './http-answer.js'

/** How long is waited for what; tests bring their own. */
export interface Patience {
  /** A try is given up when no byte arrives for so long. (There is no limit for a whole answer: it may be large.) */
  readonly idleMs: number
  wait(ms: number, signal: AbortSignal | undefined, what: string): Promise<void>
}

const PATIENCE: Patience = { idleMs: 30_000, wait: pause }
/** The least wait before the second try; it doubles with each. */
const BACKOFF_MS = 500

export interface RemoteFile {
  readonly url: URL
  /** Without the query: signed addresses carry secrets, and messages travel. */
  readonly name: string
  readonly fetcher: typeof fetch
  readonly patience: Patience
}

/** Called as a method, because `fetch` refuses any other `this` in browsers. */
const globalThisFetch: typeof fetch = (input, init) => globalThis.fetch(input, init)

export function remoteFile(url: URL, fetcher = globalThisFetch, patience = PATIENCE): RemoteFile {
  return { url, name: url.origin + url.pathname, fetcher, patience }
}

export interface Answer {
  readonly response: Response
  /** The next bytes of the body, or null at its end. */
  next(signal: AbortSignal | undefined): Promise<Uint8Array | null>
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
): Promise<Answer> {
  const { url, name, fetcher } = file
  const headers = { Range: range, ...(ifRange && { 'If-Range': ifRange }) }
  const request = (cache: RequestCache): Promise<Answer> =>
    exchange(file, signal, (stop) => fetcher(url, { headers, cache, signal: stop }))
  let answer = await request('default')
  const { redirected, status } = answer.response
  if (ifRange !== undefined && redirected && (status === 403 || status === 410)) {
    answer.close()
    answer = await request('reload')
  }
  const problem = refusal(answer.response, name)
  if (!problem) return answer
  answer.close()
  throw problem
}

async function exchange(
  { name, patience: { idleMs } }: RemoteFile,
  signal: AbortSignal | undefined,
  send: (stop: AbortSignal) => Promise<Response>,
): Promise<Answer> {
  const what = `Reading ${name}`
  const stop = new AbortController()
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined
  const close = (): void => {
    stop.abort()
    void reader?.cancel().catch(() => undefined)
  }
  const watched = async <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const idle = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no byte came for ${idleMs / 1000} s`)), idleMs)
    })
    try {
      return await unlessAborted(Promise.race([work, idle]), signal, what)
    } catch (cause) {
      close()
      throwIfAborted(signal, what)
      throw unreachable(name, cause)
    } finally {
      clearTimeout(timer)
    }
  }
  throwIfAborted(signal, what)
  const response = await watched(send(stop.signal), signal)
  reader = response.body?.getReader()
  return {
    response,
    close,
    async next(signal) {
      throwIfAborted(signal, what)
      const piece = reader && (await watched(reader.read(), signal))
      return piece?.value ?? null
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
