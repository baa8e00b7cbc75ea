/**
 * Node's own client of http(s), which reads 836 MB in 0.7 s where its `fetch` takes 0.95 to 1.15. It asks as `fetch` does: with
 * the same redirects, encodings, and (by Node's global agents) proxies, and it shows HF_TOKEN to the hub alone.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { byFetch, type Send } from './http-ask.js'
import { atHub, hubFetch, type HubSettings } from './hub.js'
import type { Pieces } from './pieces.js'

/** As many as `fetch` follows (Fetch standard, 4.4). */
const MOST_REDIRECTS = 20
const REDIRECTS = [301, 302, 303, 307, 308]
/** Bytes of a body that wait to be read, at most and roughly: the server is held up then. */
const AHEAD_BYTES = 2 ** 18

/** A module of Node, when first needed. Its name is a parameter, because bundlers for browsers resolve a literal one and fail. */
const nodeModule = <T>(name: string): Promise<T> => import(/* @vite-ignore */ name) as Promise<T>

/** The client for loads without a `fetch` of the caller's: the global one where a program has put its own in its place. */
export function nodeClient(settings: HubSettings = process.env): Send {
  if (!isNodesOwn(globalThis.fetch)) return byFetch(hubFetch(settings))
  return async (asked, headers, stop) => {
    const { url, authorization } = atHub(asked.href, settings)
    const { message, at, redirected } = await follow(new URL(url), { ...headers, authorization }, stop)
    const head = { status: message.statusCode ?? 0, headers: headersOf(message.headers), url: at.href, redirected }
    return { head, pieces: piecesOf(await decoded(message)) }
  }
}

/** Programs replace `fetch`, or what sends its requests, to send them elsewhere. */
function isNodesOwn(fetch: unknown): boolean {
  const dispatcher = (globalThis as Record<symbol, object | undefined>)[Symbol.for('undici.globalDispatcher.1')]
  return String(fetch).includes('internal/deps/undici') && (dispatcher?.constructor.name ?? 'Agent') === 'Agent'
}

async function follow(
  url: URL,
  headers: Readonly<Record<string, string | undefined>>,
  stop: AbortSignal,
): Promise<{ message: IncomingMessage; at: URL; redirected: boolean }> {
  let { authorization } = headers
  let at = url
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const message = await get(at, { ...headers, authorization }, stop)
    const { location } = message.headers
    if (!REDIRECTS.includes(message.statusCode ?? 0) || location === undefined) {
      return { message, at, redirected: hops > 0 }
    }
    message.resume() // to its end, so that its connection serves again
    const next = new URL(location, at)
    if (next.origin !== at.origin) authorization = undefined
    at = next
  }
  throw new Error(`it redirects more than ${MOST_REDIRECTS} times`)
}

async function get(
  url: URL,
  { authorization, ...others }: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  if (!/^https?:$/.test(url.protocol)) throw new Error(`it redirects to ${url.protocol}, which is not http(s)`)
  const { get: send } = await nodeModule<typeof import('node:http')>(`node:${url.protocol.slice(0, -1)}`)
  // Encoded, positions in a body would be of other bytes.
  const own = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'node' }
  const headers = { ...own, ...others, ...(authorization && { authorization }) }
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    let message: IncomingMessage | undefined
    const request = send(url, { headers }, (answer) => {
      message = answer.on('error', () => undefined) // of a redirect, nobody else listens
      resolve(answer)
    })
    request.on('error', reject)
    signal.addEventListener('abort', () => {
      // What has come to its end is let go, so that its connection serves again.
      if (message?.complete) message.resume()
      else request.destroy()
    })
  })
}

/** The first of headers that were sent twice: those that are looked at are of one value. */
function headersOf(headers: IncomingHttpHeaders): Pick<Headers, 'get' | 'has'> {
  const get = (name: string): string | null => {
    const value = headers[name]
    return (Array.isArray(value) ? value[0] : value) ?? null
  }
  return { get, has: (name) => name in headers }
}

/** The body as `fetch` would give it, of servers that encode whatever they are asked. */
async function decoded(message: IncomingMessage): Promise<Readable> {
  const encoding = message.headers['content-encoding']
  if (encoding === undefined) return message
  const zlib = await nodeModule<typeof import('node:zlib')>('node:zlib')
  const decoder = /^(x-)?gzip$/.test(encoding)
    ? zlib.createGunzip()
    : encoding === 'br'
      ? zlib.createBrotliDecompress()
      : encoding === 'deflate'
        ? zlib.createInflate()
        : null
  if (!decoder) return message
  if (message.errored) throw message.errored
  message.on('error', (error) => decoder.destroy(error))
  return message.pipe(decoder)
}

/** Pieces as they come, and no further ahead of the reader than some of them. */
function piecesOf(body: Readable): Pieces {
  const pieces: Uint8Array[] = []
  let bytes = 0
  let ended = false
  let failure: Error | undefined
  let wake: (() => void) | undefined
  const told = (): void => {
    wake?.()
    wake = undefined
  }
  body.on('data', (piece: Uint8Array) => {
    pieces.push(piece)
    bytes += piece.length
    if (bytes >= AHEAD_BYTES) body.pause()
    told()
  })
  body.on('end', () => {
    ended = true
    told()
  })
  body.on('error', (error) => {
    failure = error
    told()
  })
  const take = (): Uint8Array | null | undefined => {
    const piece = pieces.shift()
    if (!piece) return ended ? null : undefined
    bytes -= piece.length
    return piece
  }
  const wait = async (): Promise<Uint8Array | null> => {
    for (;;) {
      const piece = take()
      if (piece !== undefined) return piece
      if (failure) throw failure
      if (body.isPaused()) body.resume()
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  return {
    next() {
      const piece = take()
      return piece === undefined ? wait() : piece
    },
    cancel: () => undefined, // as `stop` does
  }
}
