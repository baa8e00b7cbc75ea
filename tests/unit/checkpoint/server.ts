import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { byFetch, type Patience, type Send } from '../../../src/checkpoint/http-ask.js'
import { nodeClient } from '../../../src/checkpoint/http-node.js'

/** What asks a server: pages and callers' own by `fetch`, Node by itself. All that servers may do is tried with both. */
export const CLIENTS: readonly { readonly client: string; readonly send: Send; readonly fetch?: typeof fetch }[] = [
  { client: 'fetch', send: byFetch(), fetch },
  { client: "Node's own", send: nodeClient({}) },
]

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface Server {
  readonly url: string
  /** `METHOD path range` of every request. */
  readonly log: string[]
  close(): Promise<void>
}

/** A server on the loopback interface. */
export async function serve(handler: Handler): Promise<Server> {
  const log: string[] = []
  const server = createServer((request, response) => {
    log.push(`${request.method} ${request.url} ${request.headers.range ?? '-'}`)
    handler(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** [begin, end) of the request's Range, cut to `size`; null when it asks for none that exists. */
export function rangeOf(request: IncomingMessage, size: number): { begin: number; end: number } | null {
  const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  if (!match) return null
  const begin = Number(match[1])
  const end = match[2] ? Math.min(size, Number(match[2]) + 1) : size
  return begin < end ? { begin, end } : null
}

/** A server of these files, with ranges. `headers` are added to (or, as undefined, removed from) each answer. */
export function files(
  contents: Readonly<Record<string, Uint8Array>>,
  headers: Record<string, string | undefined> = {},
): Handler {
  return (request, response) => {
    const bytes = contents[request.url ?? '']
    if (!bytes) return void response.writeHead(404).end('no such file')
    const range = rangeOf(request, bytes.length)
    if (!range) return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
    const { begin, end } = range
    const all: Record<string, string | undefined> = {
      'content-range': `bytes ${begin}-${end - 1}/${bytes.length}`,
      'content-length': String(end - begin),
      ...headers,
    }
    response.writeHead(206, Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
    response.end(bytes.subarray(begin, end))
  }
}

/** Patience that never waits between tries, but notes for how long it would have. */
export function hurried(idleMs = 30_000): { readonly patience: Patience; readonly waits: number[] } {
  const waits: number[] = []
  const wait = (ms: number): Promise<void> => {
    waits.push(ms)
    return Promise.resolve()
  }
  return { waits, patience: { idleMs, wait } }
}
