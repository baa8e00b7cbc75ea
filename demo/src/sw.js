/**
 * Keeps the page, its built-in model and its samples, so that it opens without a network. The build puts in what is kept
 * (demo/vite.config.ts); another build has another version, and takes over when no page of the old one is open.
 */
const VERSION = /* @build version */ 'development'
/** @type {readonly string[]} addresses relative to this script */
const FILES = /* @build files */ []
const NAME = `sovit-page-${VERSION}`

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES)))
})

self.addEventListener('activate', (event) => {
  const old = async () => {
    const names = await caches.keys()
    return Promise.all(
      names.filter((name) => name.startsWith('sovit-page-') && name !== NAME).map((name) => caches.delete(name)),
    )
  }
  event.waitUntil(old())
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return
  event.respondWith(answer(request))
})

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(NAME)
  const kept = await cache.match(request, { ignoreSearch: true })
  if (!kept) return fetch(request)
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get('range') ?? '')
  return range ? part(kept, Number(range[1]), Number(range[2]) + 1) : kept
}

/**
 * What a server would answer to a request for a range (RFC 9110, 14.4).
 * @param {Response} whole
 * @param {number} begin
 * @param {number} end
 */
async function part(whole, begin, end) {
  const bytes = await whole.blob()
  const headers = new Headers(whole.headers)
  headers.set('content-range', `bytes ${begin}-${Math.min(end, bytes.size) - 1}/${bytes.size}`)
  headers.set('content-length', String(Math.min(end, bytes.size) - begin))
  return new Response(bytes.slice(begin, end), { status: 206, statusText: 'Partial Content', headers })
}
