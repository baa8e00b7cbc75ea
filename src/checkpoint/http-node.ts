/**
 * Node's own client of http(s), which takes half the time of its `fetch` for large bodies. It asks as `fetch` does: with
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

/** Node's modules. Their names are parameters, because bundlers for browsers resolve literal ones and fail. */
async function nodeModules(names = ['node:http', 'node:https', 'node:zlib'] as const) {
  const [http, https, zlib] = await Promise.all(
    names.map((name) => import(/* @vite-ignore */ name) as Promise<unknown>),
  )
  return {
    http: http as typeof import('node:http'),
    https: https as typeof import('node:https'),
    zlib: zlib as typeof import('node:zlib'),
  }
}
type Modules = Awaited<ReturnType<typeof nodeModules>>

/** The client for loads without a `fetch` of the caller's: the global one where a program has put its own in its place. */
export async function nodeClient(settings: HubSettings = process.env): Promise<Send> {
  if (!isNodesOwn(globalThis.fetch)) return byFetch(hubFetch(settings))
  const modules = await nodeModules()
  return async (asked, headers, stop) => {
    const { url, authorization } = atHub(asked.href, settings)
    const { message, at, redirected } = await follow(modules, new URL(url), { ...headers, authorization }, stop)
    const head = { status: message.statusCode ?? 0, headers: headersOf(message.headers), url: at.href, redirected }
    return { head, pieces: piecesOf(decoded(message, modules)) }
  }
}

/** Programs replace `fetch`, or what sends its requests, to send them elsewhere. */
function isNodesOwn(fetch: unknown): boolean {
  const dispatcher = (globalThis as Record<symbol, object | undefined>)[Symbol.for('undici.globalDispatcher.1')]
  return String(fetch).includes('internal/deps/undici') && (dispatcher?.constructor.name ?? 'Agent') === 'Agent'
}

async function follow(
  modules: Modules,
  url: URL,
  headers: Readonly<Record<string, string | undefined>>,
  stop: AbortSignal,
): Promise<{ message: IncomingMessage; at: URL; redirected: boolean }> {
  let { authorization } = headers
  let at = url
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const message = await get(modules, at, { ...headers, authorization }, stop)
    const { location } = message.headers
    if (!REDIRECTS.includes(message.statusCode ?? 0) || location === undefined) {
      return { message, at, redirected: hops > 0 }
    }
    message.resume()
    const next = new URL(location, at)
    if (next.origin !== at.origin) authorization = undefined
    at = next
  }
  throw new Error(`it redirects more than ${MOST_REDIRECTS} times`)
}

function get(
  { http, https }: Modules,
  url: URL,
  { authorization, ...others }: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  if (!/^https?:$/.test(url.protocol)) throw new Error(`it redirects to ${url.protocol}, which is not http(s)`)
  const { get: send } = url.protocol === 'https:' ? https : http
  // Encoded, positions in a body would be of other bytes.
  const own = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'node' }
  const headers = { ...own, ...others, ...(authorization && { authorization }) }
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
function decoded(message: IncomingMessage, { zlib }: Modules): Readable {
  const encoding = message.headers['content-encoding'] ?? 'identity'
  const decoder = /^(x-)?gzip$/.test(encoding)
    ? zlib.createGunzip()
    : encoding === 'br'
      ? zlib.createBrotliDecompress()
      : encoding === 'deflate'
        ? zlib.createInflate()
        : null
  if (!decoder) return message
  message.on('error', (error) => decoder.destroy(error))
  return message.pipe(decoder)
}

/** Pieces as they come, which are there for the taking mostly: a promise for each would cost as much as its bytes. */
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
