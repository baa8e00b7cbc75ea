/**
 * A file behind an http(s) address, read by ranges.
 *
 * Size and support of ranges are learnt from a request for one byte, not from HEAD: a gzipping server drops
 * Content-Length and Accept-Ranges from HEAD, while range answers are never encoded (huggingface.js, WebBlob.ts).
 * Cross-origin, Content-Range and ETag are visible only when the server exposes them: what is visible is checked.
 * One closed range `bytes=a-b` is a CORS-safelisted header (Fetch standard, 2.2.2), so it needs no preflight.
 */
import { SovitError, throwIfAborted } from '../errors.js'
import { abortable, fill } from './abort.js'
import { truncated } from './memory.js'
import type { ByteSource } from './types.js'

/** A file up to this size is taken whole from a server that ignores Range: config.json, an index, a tiny model. */
const SMALL = 4 * 2 ** 20

/** What the first answer told. `whole` is the file itself, where the server ignored Range and the file is small. */
interface Probe {
  readonly size: number
  readonly etag: string | null
  readonly whole?: Uint8Array
}

export function httpSource(url: URL, fetcher: typeof fetch = globalThisFetch): ByteSource {
  // Without the query: signed addresses carry secrets, and messages travel.
  const name = url.origin + url.pathname
  let probed: Probe | undefined
  const request = (range: string, signal?: AbortSignal): Promise<Response> => get(url, name, range, fetcher, signal)
  const probe = async (signal?: AbortSignal): Promise<Probe> => (probed ??= await probeFile(name, request, signal))
  return {
    name,
    size: async (signal) => (await probe(signal)).size,
    async read(begin, end, signal, into = new Uint8Array(end - begin)) {
      const known = await probe(signal)
      if (end > known.size) throw truncated(name, end, known.size)
      if (known.whole) return known.whole.subarray(begin, end)
      if (end === begin) return new Uint8Array(0)
      const response = await request(`bytes=${begin}-${end - 1}`, signal)
      expectNo(rangeProblem(response, begin, end, known, name), response)
      return readBody(response, into.subarray(0, end - begin), begin, name, signal)
    },
  }
}

/** Called as a method, because `fetch` refuses any other `this` in browsers. */
const globalThisFetch: typeof fetch = (input, init) => globalThis.fetch(input, init)

type RangeRequest = (range: string, signal?: AbortSignal) => Promise<Response>

async function probeFile(name: string, request: RangeRequest, signal?: AbortSignal): Promise<Probe> {
  const response = await request('bytes=0-0', signal)
  const etag = response.headers.get('etag')
  if (response.status === 416) return { size: 0, etag }
  if (response.status === 200) {
    const whole = await readSmall(response, name, signal)
    return { size: whole.length, etag, whole }
  }
  const size = contentRange(response)?.total ?? null
  await readBody(response, new Uint8Array(1), 0, name, signal)
  return { size: size ?? (await sizeByLength(name, request, signal)), etag }
}

/** Content-Length is safelisted where Content-Range is hidden: that of the open range `bytes=0-` is the file's size. */
async function sizeByLength(name: string, request: RangeRequest, signal?: AbortSignal): Promise<number> {
  const response = await request('bytes=0-', signal)
  discard(response)
  const length = response.headers.get('content-length')
  if (response.status !== 206 || length === null || !/^\d+$/.test(length)) {
    const wayOut = 'Expose Content-Range (Access-Control-Expose-Headers), or download the file and pass it as a File'
    throw new SovitError('NETWORK', `The server does not tell the size of ${name}. ${wayOut}.`)
  }
  return Number(length)
}

async function get(
  url: URL,
  name: string,
  range: string,
  fetcher: typeof fetch,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const what = `Reading ${name}`
  throwIfAborted(signal, what)
  let response: Response
  try {
    response = await abortable(fetcher(url, { headers: { Range: range }, signal: signal ?? null }), signal, what)
  } catch (cause) {
    throwIfAborted(signal, what)
    throw network(name, cause)
  }
  expectNo(refusal(response, name), response)
  return response
}

/** The error for an answer that is not the file, or null. */
function refusal(response: Response, name: string): SovitError | null {
  const { status } = response
  if (status === 404 || status === 410) {
    return new SovitError('NOT_FOUND', `There is no file ${name} (status ${status}). Check the address.`)
  }
  if (status === 401 || status === 403) {
    const cause = 'it does not exist, is private, or its licence must be accepted on its page first'
    const wayOut = 'With access, pass a `fetch` that sends your token, or download the files and pass them'
    return new SovitError('ACCESS_DENIED', `${name} is refused (status ${status}): ${cause}. ${wayOut}.`)
  }
  if (status !== 200 && status !== 206 && status !== 416) {
    return new SovitError('NETWORK', `${name}: the server answered ${status}, expected 206. Try again later.`)
  }
  // A single-page server, or a hub's page for people: it answers every unknown address with its own page.
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    return new SovitError('NOT_FOUND', `${name} is a web page, not a file of a checkpoint. Check the address.`)
  }
  return null
}

/** The error for an answer that is not the range that was asked for, or null. */
function rangeProblem(response: Response, begin: number, end: number, known: Probe, name: string): SovitError | null {
  const changed = (what: string): SovitError =>
    new SovitError('TRUNCATED', `${name} changed while it was read: ${what}. Load it again.`)
  const etag = response.headers.get('etag')
  if (etag !== null && known.etag !== null && etag !== known.etag) {
    return changed(`its ETag was ${known.etag} and is ${etag}`)
  }
  if (response.status === 416) return changed(`it no longer has the bytes ${begin} to ${end} of ${known.size}`)
  if (response.status !== 206) return noRanges(name, `it answered a range with status ${response.status}`)
  const range = contentRange(response)
  if (range?.total != null && range.total !== known.size) {
    return changed(`it had ${known.size} bytes and has ${range.total}`)
  }
  if (range && (range.begin !== begin || range.end !== end)) {
    const what = `asked for the bytes ${begin} to ${end}, the server sent ${range.begin} to ${range.end}`
    return new SovitError('NETWORK', `${name}: ${what}. Use a server that supports Range, or pass the file itself.`)
  }
  return null
}

/** The visible Content-Range: [begin, end) of total (null when the server does not know). */
function contentRange(response: Response): { begin: number; end: number; total: number | null } | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')
  if (!match) return null
  return { begin: Number(match[1]), end: Number(match[2]) + 1, total: match[3] === '*' ? null : Number(match[3]) }
}

async function readBody(
  response: Response,
  into: Uint8Array,
  begin: number,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { length, more } = await fillFrom(response, into, name, signal)
  if (length < into.length && !more) throw truncated(name, begin + into.length, begin + length)
  if (more) {
    const what = `the server sent more than the ${into.length} bytes from ${begin} that were asked for`
    throw new SovitError('NETWORK', `${name}: ${what}. Use a server that supports Range, or pass the file itself.`)
  }
  return into
}

/** The whole body of an answer to a server that ignored Range, if it is small. */
async function readSmall(response: Response, name: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const buffer = new Uint8Array(SMALL)
  const { length, more } = await fillFrom(response, buffer, name, signal)
  if (more) throw noRanges(name, `it has more than ${SMALL} bytes, and only smaller files are read whole`)
  return buffer.slice(0, length)
}

async function fillFrom(
  response: Response,
  into: Uint8Array,
  name: string,
  signal: AbortSignal | undefined,
): Promise<{ length: number; more: boolean }> {
  if (!response.body) return { length: 0, more: false }
  try {
    return await fill(response.body, into, signal, `Reading ${name}`)
  } catch (cause) {
    throwIfAborted(signal, `Reading ${name}`)
    throw network(name, cause)
  }
}

function expectNo(problem: SovitError | null, response: Response): void {
  if (!problem) return
  discard(response)
  throw problem
}

/** Closes the connection of an answer whose body nobody reads. */
function discard(response: Response): void {
  void response.body?.cancel().catch(() => undefined)
}

function noRanges(name: string, what: string): SovitError {
  const wayOut = 'Use a server that does, or download the file and pass it as a path or File'
  return new SovitError('NETWORK', `The server of ${name} does not support Range requests: ${what}. ${wayOut}.`)
}

function network(name: string, cause: unknown): SovitError {
  const reason = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : ''
  const wayOut = 'Check the connection and, in a page, that the server allows your origin (CORS)'
  return new SovitError('NETWORK', `${name} could not be read: ${reason || 'the network failed'}. ${wayOut}.`, { cause })
}
