/** What an answer says of itself, and the errors for what it should not say. */
import { SovitError, type SovitErrorCode } from '../errors.js'

/** A server that asks for more patience than this is asked sooner. */
const MAX_RETRY_AFTER = 60_000
/** How often a request is made that may succeed later. */
export const TRIES = 3

/** What comes before a body: a `Response`, or what another client than `fetch` makes like it. */
export interface Head {
  readonly status: number
  readonly headers: Pick<Headers, 'get' | 'has'>
  /** Where redirects led to. */
  readonly url: string
  readonly redirected: boolean
}

/** What the first answer told of a file: later answers must agree. Null is what the server does not let be seen. */
export interface Known {
  readonly size: number
  readonly etag: string | null
  readonly modified: string | null
}

/** A failure that may pass by itself: it is thrown on only after the last try. */
export class Passing extends SovitError {
  constructor(
    message: string,
    options: { code?: SovitErrorCode; cause?: unknown } = {},
    /** How long the server asks to be left alone, in ms. */
    readonly afterMs = 0,
  ) {
    super(options.code ?? 'NETWORK', message, options)
  }
}

/** The error for an answer that is not the file, or null. */
export function refusal(response: Head, name: string): SovitError | null {
  const { status } = response
  if (status === 404 || status === 410) {
    return new SovitError('NOT_FOUND', `There is no file ${name} (status ${status}). Check the address.`)
  }
  if (status === 401 || status === 403) {
    const cause = 'it does not exist, is private, or its licence must be accepted on its page first'
    const wayOut =
      'With access, pass a `fetch` that sends your token (in Node, set HF_TOKEN), or pass the files themselves'
    return new SovitError('ACCESS_DENIED', `${name} is refused (status ${status}): ${cause}. ${wayOut}.`)
  }
  if (status === 408 || status === 429 || status >= 500) {
    const message = `${name}: the server answered ${status} in ${TRIES} tries, expected 206. Try again later.`
    return new Passing(message, {}, retryAfter(response))
  }
  if (status !== 200 && status !== 206 && status !== 416) {
    return new SovitError('NETWORK', `${name}: the server answered ${status}, expected 206. Check the address.`)
  }
  // A single-page server, or a hub's page for people: it answers every unknown address with its own page.
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    return new SovitError('NOT_FOUND', `${name} is a web page, not a file of a checkpoint. Check the address.`)
  }
  return null
}

/** Milliseconds that Retry-After asks for: seconds or a date (RFC 9110, 10.2.3). */
function retryAfter(response: Head): number {
  const text = response.headers.get('retry-after') ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Math.min(Math.max(ms || 0, 0), MAX_RETRY_AFTER)
}

/** The error for an answer that is not the range that was asked for, or null. */
export function rangeProblem(
  response: Head,
  begin: number,
  end: number,
  known: Known,
  name: string,
): SovitError | null {
  const change = changeOf(response, known, name)
  if (change) return change
  if (response.status === 416) {
    return changed(name, `it no longer has the bytes ${begin} to ${end} of ${known.size}`)
  }
  if (response.status !== 206) return noRanges(name, `it answered a range with status ${response.status}`)
  const range = contentRange(response)
  if (range && (range.begin !== begin || range.end !== end)) {
    return noRanges(name, `asked for the bytes ${begin} to ${end}, it sent ${range.begin} to ${range.end}`)
  }
  return encodingOf(response, name)
}

/** The error for an answer that is of other content than the first was, or null. */
export function changeOf(response: Head, known: Known, name: string): SovitError | null {
  const { etag, modified } = validators(response)
  const total = response.status === 200 ? contentLength(response) : contentRange(response)?.total
  if (etag !== null && known.etag !== null) {
    if (etag !== known.etag) return changed(name, `its ETag was ${known.etag} and is ${etag}`)
  } else if (modified !== null && known.modified !== null && modified !== known.modified) {
    return changed(name, `it was last modified ${known.modified} and now ${modified}`)
  }
  if (typeof total === 'number' && total !== known.size) {
    return changed(name, `it had ${known.size} bytes and has ${total}`)
  }
  return null
}

/** What tells one content from another (RFC 9110, 8.8), as far as it can be seen. */
export function validators({ headers }: Head): { etag: string | null; modified: string | null } {
  return { etag: headers.get('etag'), modified: headers.get('last-modified') }
}

/** The error for an encoded body: positions in it are of other bytes than the file's (RFC 9110, 8.4 and 14.2). */
export function encodingOf(response: Head, name: string): SovitError | null {
  const encoding = response.headers.get('content-encoding') ?? 'identity'
  if (encoding === 'identity') return null
  const wayOut = 'Switch the encoding off for this file on the server, or download it and pass it as a path or File'
  return new SovitError('NETWORK', `${name} arrives encoded as ${encoding}, expected identity. ${wayOut}.`)
}

/** The visible Content-Range: [begin, end) of total (null when the server does not know). */
export function contentRange(response: Head): { begin: number; end: number; total: number | null } | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')
  if (!match) return null
  return { begin: Number(match[1]), end: Number(match[2]) + 1, total: match[3] === '*' ? null : Number(match[3]) }
}

/** Content-Length where it counts bytes of the file: encoded, it counts others. */
export function contentLength({ headers }: Head): number | null {
  const text = headers.get('content-length') ?? ''
  return headers.has('content-encoding') || !/^\d+$/.test(text) ? null : Number(text)
}

export function noRanges(name: string, what: string): SovitError {
  const wayOut = 'Use a server that does, or download the file and pass it as a path or File'
  return new SovitError('NETWORK', `The server of ${name} does not support Range requests: ${what}. ${wayOut}.`)
}

/** A body that ended before its time, as behind proxies that give up. */
export function cutOff(name: string, end: number, has: number): Passing {
  const what = `${name} ends at byte ${has}, but byte ${end} was needed`
  const message = `${what}: it is cut off, or changed while it was read. Load it again.`
  return new Passing(message, { code: 'TRUNCATED' })
}

function changed(name: string, what: string): SovitError {
  return new SovitError('TRUNCATED', `${name} changed while it was read: ${what}. Load it again.`)
}
