/**
 * The client of http(s) in Node, faster than its `fetch`. It asks as `fetch` does: with the same redirects, encodings, and (by
 * Node's global agents) proxies, and it shows HF_TOKEN to the hub alone. node:http asks first; of servers that answer plainly,
 * all else is read straight from sockets.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { byFetch, type Send } from './http-ask.js'
import { atHub, hubFetch, type HubSettings } from './hub.js'
import { bodyLength, Sockets, type Reply, type SocketAgent } from './http-socket.js'
import type { Pieces } from './pieces.js'

/** As many as `fetch` follows (Fetch standard, 4.4). */
const MOST_REDIRECTS = 20
const REDIRECTS = [301, 302, 303, 307, 308]
/** Bytes of a body that wait to be read, at most and roughly: the server is held up then. */
const AHEAD_BYTES = 2 ** 18

/** What the requests of one load share. */
interface Client {
  readonly sockets: Sockets
  /** Where a file was seen to come in parts, unencoded, and of a length known from the first: address without query. */
  readonly plain: Set<string>
}

/**
 * A module of Node, when first needed: as it is by then, since programs put other functions and agents into it. Its name is a
 * parameter, because bundlers for browsers resolve a literal one and fail.
 */
const nodeModule = async <T>(name: string): Promise<T> =>
  ((await import(/* @vite-ignore */ name)) as { default: T }).default

/** The client for loads without a `fetch` of the caller's: the global one where a program has put its own in its place. */
export function nodeClient(settings: HubSettings = process.env): Send {
  if (!isNodesOwn(globalThis.fetch)) return byFetch(hubFetch(settings))
  const client: Client = { sockets: new Sockets(), plain: new Set() }
  return async (asked, headers, stop) => {
    const { url, authorization } = atHub(asked.href, settings)
    const { reply, at, redirected } = await follow(client, new URL(url), { ...headers, authorization }, stop)
    const { status, pieces } = reply
    const named = {
      get: (name: string) => reply.headers.get(name) ?? null,
      has: (name: string) => reply.headers.has(name),
    }
    return { head: { status, headers: named, url: at.href, redirected }, pieces }
  }
}

/** Programs replace `fetch`, or what sends its requests, to send them elsewhere. */
function isNodesOwn(fetch: unknown): boolean {
  const dispatcher = (globalThis as Record<symbol, object | undefined>)[Symbol.for('undici.globalDispatcher.1')]
  return String(fetch).includes('internal/deps/undici') && (dispatcher?.constructor.name ?? 'Agent') === 'Agent'
}

async function follow(
  client: Client,
  url: URL,
  headers: Readonly<Record<string, string | undefined>>,
  stop: AbortSignal,
): Promise<{ reply: Reply; at: URL; redirected: boolean }> {
  let { authorization } = headers
  let at = url
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const reply = await get(client, at, { ...headers, authorization }, stop)
    const location = reply.headers.get('location')
    if (!REDIRECTS.includes(reply.status) || location === undefined) return { reply, at, redirected: hops > 0 }
    const next = new URL(location, at)
    if (next.origin !== at.origin) authorization = undefined
    at = next
  }
  throw new Error(`it redirects more than ${MOST_REDIRECTS} times`)
}

async function get(
  { sockets, plain }: Client,
  url: URL,
  { authorization, ...others }: Readonly<Record<string, string | undefined>>,
  stop: AbortSignal,
): Promise<Reply> {
  if (!/^https?:$/.test(url.protocol)) throw new Error(`it redirects to ${url.protocol}, which is not http(s)`)
  const http = await nodeModule<typeof import('node:http')>(`node:${url.protocol.slice(0, -1)}`)
  // Encoded, positions in a body would be of other bytes.
  const own = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'node' }
  const headers = Object.fromEntries(
    Object.entries({ ...own, ...others, authorization }).filter((entry): entry is [string, string] => !!entry[1]),
  )
  const place = url.origin + url.pathname // addresses are signed anew for each request
  if (plain.has(place) && opensPlainly(http, url)) {
    const reply = await sockets.get(url, headers, http.globalAgent, stop)
    if (reply) return reply
    plain.delete(place)
  }
  const message = await getByHttp(http, url, headers, stop)
  const reply = { status: message.statusCode ?? 0, headers: headersOf(message.headers) }
  if (REDIRECTS.includes(reply.status)) {
    message.resume() // to its end, so that its connection serves again
    return { ...reply, pieces: null }
  }
  if (reply.status === 206 && bodyLength(reply) !== null) plain.add(place)
  return { ...reply, pieces: piecesOf(await decoded(message)) }
}

/** Whether sockets of the global agent lead to the server: it is Node's own and knows of no proxy; and no password is asked. */
function opensPlainly({ Agent, globalAgent }: typeof import('node:http'), { username, password }: URL): boolean {
  const { constructor, options = {} }: SocketAgent = globalAgent
  const proxied = 'proxyEnv' in options && options.proxyEnv // Node 24
  return constructor === Agent && !proxied && username + password === ''
}

function getByHttp(
  { get: send }: typeof import('node:http'),
  url: URL,
  headers: Readonly<Record<string, string>>,
  stop: AbortSignal,
): Promise<IncomingMessage> {
  stop.throwIfAborted()
  return new Promise((resolve, reject) => {
    let message: IncomingMessage | undefined
    const request = send(url, { headers }, (answer) => {
      message = answer.on('error', () => undefined) // of a redirect, nobody else listens
      resolve(answer)
    })
    const abort = (): void => {
      // What has come to its end is let go, so that its connection serves again.
      if (message?.complete) message.resume()
      else request.destroy()
    }
    request.on('error', reject)
    request.on('close', () => stop.removeEventListener('abort', abort))
    stop.addEventListener('abort', abort)
  })
}

/** The first of headers that were sent twice: those that are looked at are of one value. */
function headersOf(headers: IncomingHttpHeaders): ReadonlyMap<string, string> {
  const first = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value] as const)
  return new Map(first.filter((entry): entry is [string, string] => entry[1] !== undefined))
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
