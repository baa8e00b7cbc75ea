/** The answer of a file host to a `fetch` for a range of a file. */
export function rangeAnswer(file: ArrayBuffer | undefined, init: RequestInit | undefined): Response {
  if (!file) return new Response('no such file', { status: 404 })
  const { begin, end } = rangeOf(file, init)
  const headers = { 'content-range': `bytes ${begin}-${end - 1}/${file.byteLength}`, etag: '"one"' }
  return new Response(file.slice(begin, end), { status: 206, headers })
}

/** The bytes [begin, end) that are asked for. */
export function rangeOf(file: ArrayBuffer, init: RequestInit | undefined): { begin: number; end: number } {
  const range = new Headers(init?.headers).get('range') ?? ''
  const [, begin = '0', last = ''] = /bytes=(\d+)-(\d*)/.exec(range) ?? []
  const end = last === '' ? file.byteLength : Math.min(Number(last) + 1, file.byteLength)
  return { begin: Number(begin), end }
}
