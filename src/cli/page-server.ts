import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type { PixelValues } from '../image/types.js'
import { filesOf, type ModelRef } from './model-ref.js'

/** What the page may ask for: `/SECRET/` itself, `lib/`, `model/`, `pixels/{i}`; and may post: `results/…`. */
export interface PageServer {
  /** Address of the page; everything else lies under it. */
  readonly root: string
  /** Arrays that the page has posted, by their path under `results/`. */
  readonly results: ReadonlyMap<string, Float32Array>
  close(): void
}

export interface Served {
  /** Folder of the built library. */
  readonly library: string
  readonly model: ModelRef
  readonly pixels: readonly PixelValues[]
}

/**
 * A server on the loopback interface for one page. The secret in its addresses and the check of the Host header keep
 * other pages and other users of the machine from reading the model or the pictures.
 */
export async function startPageServer(served: Served): Promise<PageServer> {
  const secret = randomBytes(16).toString('hex')
  const results = new Map<string, Float32Array>()
  const server = createServer((request, response) => {
    answer(request, response, secret, served, results).catch(() => response.destroy())
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { root: `http://${host}/${secret}/`, results, close }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  secret: string,
  { library, model, pixels }: Served,
  results: Map<string, Float32Array>,
): Promise<void> {
  const [, given, room, ...rest] = (request.url ?? '').split('?', 1).join('').split('/')
  const path = decodeURIComponent(rest.join('/'))
  const local = /^127\.0\.0\.1(:\d+)?$/.test(request.headers.host ?? '')
  if (!local || given !== secret || path.split(/[/\\]/).includes('..')) {
    end(response, 404)
    return
  }
  if (request.method === 'POST' && room === 'results') {
    results.set(path, await readFloats(request))
    end(response, 204)
    return
  }
  if (room === '') {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>sovit</title><link rel="icon" href="data:,">')
    return
  }
  const picture = room === 'pixels' ? pixels[Number(path)] : undefined
  if (picture) {
    const { buffer, byteOffset, byteLength } = picture.data
    response.end(new Uint8Array(buffer, byteOffset, byteLength))
    return
  }
  if (room === 'lib' && path.endsWith('.js')) return sendFile(request, response, join(library, path), 'text/javascript')
  if (room === 'model') return sendModel(request, response, model, path)
  end(response, 404)
}

/** A file of the model: from its folder, or passed on from its server, where this process may show a token. */
async function sendModel(request: IncomingMessage, response: ServerResponse, model: ModelRef, path: string) {
  const { base, file, search } = filesOf(model)
  const url = new URL(path.split('/').map(encodeURIComponent).join('/'), base)
  if (url.protocol === 'file:') {
    return sendFile(request, response, fileURLToPath(url), 'application/octet-stream')
  }
  // Only the named file carries the query of its address (a signature, say).
  if (path === decodeURIComponent(file)) url.search = search
  const headers = new Headers({ 'accept-encoding': 'identity' })
  if (request.headers.range) headers.set('range', request.headers.range)
  const upstream = await model.fetch(url, { method: request.method ?? 'GET', headers })
  response.statusCode = upstream.status
  for (const name of ['content-length', 'content-range', 'content-type', 'accept-ranges', 'etag']) {
    const value = upstream.headers.get(name)
    if (value !== null) response.setHeader(name, value)
  }
  if (!upstream.body || request.method === 'HEAD') {
    end(response, upstream.status)
    return
  }
  await pipeline(Readable.fromWeb(upstream.body as Parameters<typeof Readable.fromWeb>[0]), response)
}

async function sendFile(request: IncomingMessage, response: ServerResponse, path: string, type: string) {
  const found = await stat(path).catch(() => null)
  if (!found?.isFile()) {
    end(response, 404)
    return
  }
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const start = Number(from ?? 0)
  const last = Math.min(to ? Number(to) : found.size - 1, found.size - 1)
  response.setHeader('content-type', type)
  response.setHeader('accept-ranges', 'bytes')
  if (from !== undefined) {
    if (start > last) {
      response.setHeader('content-range', `bytes */${found.size}`)
      end(response, 416)
      return
    }
    response.statusCode = 206
    response.setHeader('content-range', `bytes ${start}-${last}/${found.size}`)
  }
  response.setHeader('content-length', last - start + 1)
  if (request.method === 'HEAD' || found.size === 0) {
    end(response, response.statusCode)
    return
  }
  await pipeline(createReadStream(path, { start, end: last }), response)
}

async function readFloats(request: IncomingMessage): Promise<Float32Array> {
  const bytes = Buffer.concat(await request.toArray())
  // Copied: a Buffer may begin anywhere in its memory, floats must begin at a multiple of four.
  return new Float32Array(Uint8Array.from(bytes).buffer)
}

function end(response: ServerResponse, status: number): void {
  response.statusCode = status
  response.end()
}
