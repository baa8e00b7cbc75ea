/**
 * A file behind an http(s) address, read by ranges.
 *
 * Size and support of ranges are learnt from a request for one byte, not from HEAD: a gzipping server drops
 * Content-Length and Accept-Ranges from HEAD, while range answers are never encoded (huggingface.js, WebBlob.ts).
 * Cross-origin, Content-Range and ETag are visible only when the server exposes them: what is visible is checked.
 * One closed range `bytes=a-b` is a CORS-safelisted header (Fetch standard, 2.2.2), so it needs no preflight.
 */
import { contentRange, cutOff, encodingOf, validators, type Head } from './http-answer.js'
import { ask, remoteFile, retried, type Patience, type RemoteFile, type Send } from './http-ask.js'
import { readRange, type Asked, type Range } from './http-range.js'
import { truncated } from './memory.js'
import type { ByteSource } from './types.js'

export { byFetch } from './http-ask.js'

/** What the first answer told. `whole` is the file of a server that ignored Range. */
interface Probe extends Asked {
  readonly whole?: ByteSource
}

/** Reads that share an answer, one after another. What follows them asks for its own meanwhile. */
interface Run {
  /** Where the last of its reads so far ends, and where the answer does. */
  next: number
  readonly end: number
  /** The answer, when those reads have been. */
  turn: Promise<Range | undefined>
}

/** No read goes on with it any more. */
const leave = async (run: Run | undefined): Promise<void> => (await run?.turn)?.answer.close()

export function httpSource(url: URL, send?: Send, patience?: Patience): ByteSource {
  const file = remoteFile(url, send, patience)
  const { name } = file
  let probed: Probe | undefined
  let run: Run | undefined
  const probe = async (signal?: AbortSignal): Promise<Probe> => {
    if (probed) return probed
    const found = await retried(file, signal, () => probeFile(file, signal))
    return (probed ??= found) // of several at a time the first counts: a stream has one reader
  }
  return {
    name,
    size: async (signal) => (await probe(signal)).size,
    async read(begin, end, signal, into = new Uint8Array(end - begin), until) {
      const known = await probe(signal)
      if (end > known.size) throw truncated(name, end, known.size)
      if (known.whole) return known.whole.read(begin, end, signal, into)
      const bytes = into.subarray(0, end - begin)
      if (until === undefined) {
        await readRange(file, known, begin, bytes, signal)
        return bytes
      }
      if (run?.next !== begin || end > run.end) {
        void leave(run)
        run = { next: begin, end: until, turn: Promise.resolve(undefined) }
      }
      const own = run
      own.next = end
      const mine = own.turn.then((from) => readRange(file, known, begin, bytes, signal, own.end, from))
      own.turn = mine.catch(() => undefined)
      await mine
      return bytes
    },
    sequential: () => probed?.whole?.sequential?.() ?? false,
    async close() {
      await leave(run)
      run = undefined
      await probed?.whole?.close?.()
    },
    async version(signal) {
      const { etag, modified, size } = await probe(signal)
      return etag?.startsWith('"') ? etag : modified && `${modified}/${size}`
    },
  }
}

/** A file of its own, as most servers never need it. */
const rare = () => import('./http-whole.js')

async function probeFile(file: RemoteFile, signal?: AbortSignal): Promise<Probe> {
  // Of a byte that it has, a browser's own cache would ask the server again, before what is read next.
  const answer = await ask(file, 'bytes=0-0', signal, undefined, 'no-store')
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
