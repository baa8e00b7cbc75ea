/**
 * Bodies straight from a socket, for servers that were seen to answer plainly. node:http hands each body over in copies of
 * 64 KB that wait to be collected: a load of 836 MB from a local server took 1.0 s by it, and takes 0.6 s by one buffer for each
 * connection (tests/bench/load). This reads one form of answer (RFC 9112: a head, and Content-Length bytes); all others are
 * node:http's.
 */
import type { Agent } from 'node:http'
import type { Socket, TcpNetConnectOpts } from 'node:net'
import type { Pieces } from './pieces.js'

/** What one read of a socket brings at most. It is copied from there, which a core's cache should hold. */
const READ_BYTES = 2 ** 18
/** As much as node:http takes (`maxHeaderSize`). */
const MOST_HEAD_BYTES = 2 ** 14
/** A connection that nobody wants for so long is closed: servers do so after 5 s or more, and a request must not meet that. */
const IDLE_MS = 2000

/** An agent, with what @types/node leave out of it. */
export type SocketAgent = Agent & { readonly options?: object }

interface Head {
  readonly status: number
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>
}

export interface Reply extends Head {
  /** Null of redirects and refusals, whose bodies are not read. */
  readonly pieces: Pieces | null
}

/** Connections, which are kept for the next request. */
export class Sockets {
  readonly #idle = new Set<Connection>()

  /**
   * Asks by GET, on a socket that `agent` opens, with its settings: certificates, among others. Null when the answer is in
   * another form than this reads.
   *
   * @throws Error of the connection, or that `stop` was aborted for
   */
  async get(
    url: URL,
    headers: Readonly<Record<string, string>>,
    agent: SocketAgent,
    stop: AbortSignal,
  ): Promise<Reply | null> {
    const kept = [...this.#idle].find(({ origin }) => origin === url.origin)
    const connection = kept ?? new Connection(url, agent, () => this.#idle.delete(connection))
    this.#idle.delete(connection)
    const abort = (): void => connection.end()
    stop.addEventListener('abort', abort)
    try {
      stop.throwIfAborted()
      connection.ask(url, headers)
      const head = await connection.head()
      const length = head && bodyLength(head)
      if (head && length !== null) return { ...head, pieces: this.#body(connection, length, mayStay(head), stop) }
      connection.end()
      return head && tellsAll(head) ? { ...head, pieces: null } : null
    } catch (error) {
      connection.end()
      // The server may have closed it the moment before: then it did not hear the question (RFC 9112, 9.3.1).
      if (kept && !connection.answered && !stop.aborted) return await this.get(url, headers, agent, stop)
      throw error
    } finally {
      stop.removeEventListener('abort', abort)
    }
  }

  #body(connection: Connection, length: number, keeps: boolean, stop: AbortSignal): Pieces {
    let left = length
    const free = (): void => {
      stop.removeEventListener('abort', free)
      if (left === 0 && keeps && connection.rest()) this.#idle.add(connection)
      else connection.end()
    }
    stop.addEventListener('abort', free)
    return {
      next: async () => {
        if (left === 0) return null
        const piece = await connection.read()
        const body = piece.subarray(0, left)
        left -= body.length
        connection.unread(piece.subarray(body.length))
        return body
      },
      fill: (room) => connection.fill(room.subarray(0, left)),
      cancel: () => undefined, // as `stop` does
    }
  }
}

class Connection {
  readonly origin: string
  /** Whether anything came since it was asked. */
  answered = false
  readonly #socket: Socket
  /** What came and was not taken. In the connection's own buffer, nothing more is read until it is. */
  #held: Uint8Array | undefined
  /** Where a body goes, as far as it has not come. Else all goes to the connection's own buffer. */
  #room: Uint8Array = new Uint8Array(0)
  #resting = false
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(url: URL, agent: SocketAgent, closed: () => void) {
    this.origin = url.origin
    const own = new Uint8Array(READ_BYTES)
    const callback = (length: number, buffer: Uint8Array): boolean => {
      const before = this.#held
      if (this.#resting || (before && buffer === own))
        this.end() // nobody asked
      else if (before) this.#held = new Uint8Array(before.buffer, before.byteOffset, before.length + length)
      else this.#held = buffer.subarray(0, length)
      this.#room = this.#room.subarray(length)
      if (buffer === own) this.#told()
      else if (!before) setImmediate(() => this.#told()) // of all that comes at one time
      return buffer !== own && this.#room.length > 0 // false pauses the socket, until what follows has room
    }
    const buffer = (): Uint8Array => (this.#room.length > 0 ? this.#room : own)
    this.#socket = opened(url, agent, { buffer: buffer, callback })
    const failed = (error = new Error('the server closed the connection')): void => {
      this.#failure ??= error
      closed()
      this.#told()
    }
    this.#socket.on('error', failed)
    this.#socket.on('end', () => failed())
    this.#socket.on('close', () => failed())
    this.#socket.on('timeout', () => this.end()) // set while it rests
  }

  ask({ pathname, search, host }: URL, headers: Readonly<Record<string, string>>): void {
    this.#resting = this.answered = false
    this.#socket.setTimeout(0)
    this.#socket.ref()
    const lines = Object.entries(headers).map(([name, value]) => {
      if (/[\r\n\0]/.test(value)) throw new TypeError(`header ${name} holds a line break`) // as node:http does
      return `${name}: ${value}\r\n`
    })
    this.#socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}\r\n`)
  }

  /** The head of the answer, past those that only tell of it (RFC 9110, 15.2); null when it is none of HTTP/1. */
  async head(): Promise<Head | null> {
    let text = ''
    while (text.length < MOST_HEAD_BYTES) {
      const piece = await this.read()
      this.answered = true
      const before = text.length
      text += Buffer.from(piece.subarray(0, MOST_HEAD_BYTES)).toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) continue
      this.unread(piece.subarray(end + 4 - before))
      const head = parseHead(text.slice(0, end))
      if (!head || head.status >= 200) return head
      text = ''
    }
    return null
  }

  /** What comes next, valid until the next call. */
  async read(): Promise<Uint8Array> {
    for (;;) {
      const held = this.#held
      this.#held = undefined
      if (held) return held
      if (this.#failure) throw this.#failure
      this.#socket.resume()
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  unread(rest: Uint8Array): void {
    if (rest.length > 0) this.#held = rest
  }

  /** Where the body goes. What is read next is not changed by that: its buffer was chosen after the last piece. */
  fill(room: Uint8Array): void {
    this.#room = room.subarray(this.#held?.length ?? 0)
  }

  /** Whether it can wait for the next question. */
  rest(): boolean {
    if (this.#held || this.#failure) return false // more than was announced, or its end
    this.#resting = true
    this.#socket.setTimeout(IDLE_MS)
    this.#socket.unref()
    this.#socket.resume() // to hear of its end
    return true
  }

  end(): void {
    this.#failure ??= new Error('the connection was closed')
    this.#socket.destroy()
  }

  #told(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}

type OnRead = NonNullable<TcpNetConnectOpts['onread']>

function opened({ protocol, hostname, port }: URL, agent: SocketAgent, onread: OnRead): Socket {
  const host = hostname.replace(/^\[|\]$/g, '')
  const to = {
    host,
    port: Number(port) || (protocol === 'https:' ? 443 : 80),
    noDelay: true,
    timeout: 0,
    path: undefined,
    onread,
  }
  const secure = { servername: /^[\d.]+$|:/.test(host) ? '' : host, ALPNProtocols: ['http/1.1'] }
  return agent.createConnection({ ...agent.options, ...to, ...secure }) as Socket
}

function parseHead(text: string): Head | null {
  const [first = '', ...lines] = text.split('\r\n')
  const [, status] = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(first) ?? []
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined || value === undefined) return null
    // Of one that was sent twice, the first counts; those that are looked at are of one value.
    if (!headers.has(name.toLowerCase())) headers.set(name.toLowerCase(), value)
  }
  return status === undefined ? null : { status: Number(status), headers }
}

function mayStay({ headers }: Head): boolean {
  return headers.get('connection')?.toLowerCase() !== 'close'
}

/** Redirects, refusals, and parts that are encoded, whose bytes nobody can place. */
function tellsAll({ status, headers }: Head): boolean {
  return status >= 300 || (status === 206 && headers.has('content-encoding'))
}

/** Bytes of the body, or null where something else than their number ends it, or they are not the file's. */
export function bodyLength({ status, headers }: Head): number | null {
  const length = headers.get('content-length') ?? ''
  const odd = headers.has('transfer-encoding') || headers.has('content-encoding') || !/^\d{1,15}$/.test(length)
  return odd || (status !== 200 && status !== 206) ? null : Number(length)
}
