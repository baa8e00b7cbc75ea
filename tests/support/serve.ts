import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

/** A static server of one folder on a free loopback port. `origin` has no slash at its end. */
export interface StaticServer {
  readonly origin: string
  close(): Promise<void>
}

export interface ServeOptions {
  /** Sent with every file. */
  readonly headers?: Readonly<Record<string, string>>
  /** The answer waits for what it gives. */
  readonly onRequest?: (request: IncomingMessage) => Promise<void> | void
}

/** Serves the files of `folder`, with byte ranges, as any static host does. */
export async function serve(folder: string, { headers, onRequest }: ServeOptions = {}): Promise<StaticServer> {
  const server = createServer((request, response) => {
    const asked = onRequest?.(request)
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname))
    const file = join(folder, path.endsWith('/') ? `${path}index.html` : path)
    const read = async (): Promise<Buffer> => {
      await asked
      return readFile(file)
    }
    read().then(
      (bytes) => {
        const type = TYPES[extname(file)] ?? 'application/octet-stream'
        const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
        const begin = Number(range?.[1] ?? 0)
        const end = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length
        response.writeHead(range ? 206 : 200, {
          ...headers,
          'content-type': type,
          'content-length': end - begin,
          'accept-ranges': 'bytes',
          ...(range ? { 'content-range': `bytes ${begin}-${end - 1}/${bytes.length}` } : {}),
        })
        response.end(bytes.subarray(begin, end))
      },
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
