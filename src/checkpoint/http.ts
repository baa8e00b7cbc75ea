/**
 * A file behind an http(s) address, read by ranges.
 *
 * Size and support of ranges are learnt from a request for one byte, not from HEAD: a gzipping server drops
 * Content-Length and Accept-Ranges from HEAD, while range answers are never encoded (huggingface.js, WebBlob.ts).
 * Cross-origin, Content-Range and ETag are visible only when the server exposes them: what is visible is checked.
 * One closed range `bytes=a-b` is a CORS-safelisted header (Fetch standard, 2.2.2), so it needs no preflight.
 */
import { contentRange, cutOff, encodingOf, noRanges, Passing, rangeProblem, validators } from './http-answer.js'
import type { Head, Known } from './http-answer.js'
import { ask, remoteFile, retried, type Patience, type RemoteFile, type Send } from './http-ask.js'
import { truncated } from './memory.js'
import type { ByteSource } from './types.js'

export { byFetch } from './http-ask.js'

/** A try that brought so many bytes before it broke was worth it, and does not count as one. */
const WORTH = 2 ** 20
/** Of larger files the browser's own cache gets nothing: what is kept would be kept twice, at a third of a load's time. */
const LARGE_FILE = 2 ** 26

/** What the first answer told. `whole` is the file of a server that ignored Range. */
interface Probe extends Known {
  /** The strong ETag, where If-Range may be sent. */
  readonly ifRange: string | null
  readonly whole?: ByteSource
}

export function httpSource(url: URL, send?: Send, patience?: Patience): ByteSource {
  const file = remoteFile(url, send, patience)
  const { name } = file
  let probed: Probe | undefined
  const probe = async (signal?: AbortSignal): Promise<Probe> => {
    if (probed) return probed
    const found = await retried(file, signal, () => probeFile(file, signal))
    return (probed ??= found) // of several at a time the first counts: a stream has one reader
  }
  return {
    name,
    size: async (signal) => (await probe(signal)).size,
    async read(begin, end, signal, into = new Uint8Array(end - begin)) {
      const known = await probe(signal)
      if (end > known.size) throw truncated(name, end, known.size)
      if (known.whole) return known.whole.read(begin, end, signal, into)
      return readRange(file, known, begin, into.subarray(0, end - begin), signal)
    },
    sequential: () => probed?.whole?.sequential?.() ?? false,
    close: async () => probed?.whole?.close?.(),
    async version(signal) {
      const { etag, modified, size } = await probe(signal)
      return etag?.startsWith('"') ? etag : modified && `${modified}/${size}`
    },
  }
}

/** A file of its own, as most servers never need it. */
const rare = () => import('./http-whole.js')

async function probeFile(file: RemoteFile, signal?: AbortSignal): Promise<Probe> {
  const answer = await ask(file, 'bytes=0-0', signal)
  try {
    const { response } = answer
    const { etag, modified } = validators(response)
    const ifRange = etag?.startsWith('"') && mayAskIfRange(response, file.url) ? etag : null
    const known = { etag, modified, ifRange }
    if (response.status === 416) return { ...known, size: 0 }
    if (response.status === 200) {
      const whole = await (await rare()).wholeSource(file, answer, known, signal)
      return { ...known, size: await whole.size(), whole }
    }
    const encoded = encodingOf(response, file.name)
    if (encoded) throw encoded
    if ((await answer.next(signal)) === null) throw cutOff(file.name, 1, 0)
    const size = contentRange(response)?.total ?? (await (await rare()).sizeByLength(file, signal))
    return { ...known, size }
  } finally {
    answer.close()
  }
}

/**
 * If-Range wants a strong ETag (RFC 9110, 13.1.5) and, between origins, a preflight that many file servers refuse. There
 * the answers' visible ETags must do. Node has no origin.
 */
function mayAskIfRange(response: Head, url: URL): boolean {
  const page = (globalThis as { location?: Location }).location
  return !page || new URL(response.url || url).origin === page.origin
}

/**
 * Fills `bytes` with the file from `begin`. What breaks off is continued, not begun anew: the next answer must be of the
 * same content as far as can be seen, like that of any other range.
 */
async function readRange(
  file: RemoteFile,
  known: Probe,
  begin: number,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  let got = 0
  const attempt = async (): Promise<void> => {
    const before = got
    try {
      for await (const piece of pieces(file, known, begin + got, bytes.subarray(got), signal)) {
        if (piece.buffer !== bytes.buffer) bytes.set(piece, got) // else it lies where it belongs
        got += piece.length
      }
    } catch (error) {
      if (!(error instanceof Passing) || got - before < WORTH) throw error
    }
  }
  while (got < bytes.length) await retried(file, signal, attempt)
  return bytes
}

/** The body of one answer, which must be the bytes from `begin` that fill `room`, and no others. They may lie there by then. */
async function* pieces(
  file: RemoteFile,
  known: Probe,
  begin: number,
  room: Uint8Array,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const end = begin + room.length
  const cache = known.size > LARGE_FILE ? 'no-store' : 'default'
  const answer = await ask(file, `bytes=${begin}-${end - 1}`, signal, known.ifRange, cache)
  try {
    const problem = rangeProblem(answer.response, begin, end, known, file.name)
    if (problem) throw problem
    answer.fill(room)
    let at = begin
    for (let piece = await answer.next(signal); piece; piece = await answer.next(signal)) {
      at += piece.length
      if (at > end) {
        const what = `the server sent more than the ${end - begin} bytes from ${begin} that were asked for`
        throw noRanges(file.name, what)
      }
      yield piece
    }
    if (at < end) throw cutOff(file.name, end, at)
  } finally {
    answer.close()
  }
}
