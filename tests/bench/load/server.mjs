// node server.mjs FOLDER: serves a folder by ranges in a process of its own, as a file host does, and counts.
// Prints its port. GET /stats tells [path, begin, end] of all answers since the last time.
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import process from 'node:process'

const [folder = '.'] = process.argv.slice(2)
const TYPES = { html: 'text/html', js: 'text/javascript', json: 'application/json' }
/** Other origins may ask, and see what the hub lets them see. */
const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Content-Range, ETag' }
let asked = []

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (url.pathname === '/stats') {
    response.writeHead(200, CORS).end(JSON.stringify(asked))
    asked = []
    return
  }
  const path = join(folder, decodeURIComponent(url.pathname))
  let size
  try {
    const info = statSync(path)
    if (!info.isFile()) throw new Error('a folder')
    size = info.size
  } catch {
    response.writeHead(404, CORS).end()
    return
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const begin = Number(range?.[1] ?? 0)
  const end = range?.[2] ? Math.min(Number(range[2]) + 1, size) : size
  asked.push([url.pathname, begin, end])
  response.writeHead(range ? 206 : 200, {
    ...CORS,
    'content-type': TYPES[path.split('.').at(-1)] ?? 'application/octet-stream',
    'content-length': end - begin,
    'cache-control': 'no-cache',
    etag: `"${size}"`,
    ...(range && { 'content-range': `bytes ${begin}-${end - 1}/${size}` }),
  })
  const body = createReadStream(path, { start: begin, end: end - 1, highWaterMark: 2 ** 20 })
  body.pipe(response)
  response.on('close', () => body.destroy())
})

server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.on('disconnect', () => process.exit())
