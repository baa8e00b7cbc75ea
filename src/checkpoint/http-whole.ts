/** Servers that ignore Range, or hide what they answer. Loaded only when such a server is met. */
import { SovitError, throwIfAborted, unlessAborted } from '../errors.js'
import { changeOf, contentLength, contentRange, cutOff, encodingOf, noRanges, type Known } from './http-answer.js'
import { ask, retried, type Answer, type RemoteFile } from './http-ask.js'
import { memorySource } from './memory.js'
import type { ByteSource } from './types.js'

/** A file up to this size is kept: config.json, an index, the built-in model. A larger one is read as a stream. */
const SMALL = 5 * 2 ** 20

/** Content-Length is safelisted where Content-Range is hidden: that of the open range `bytes=0-` is the file's size. */
export async function sizeByLength(file: RemoteFile, signal?: AbortSignal): Promise<number> {
  const { response, close } = await ask(file, 'bytes=0-', signal)
  close()
  const length = contentLength(response)
  if (response.status === 206 && length !== null) return length
  const wayOut = 'Expose Content-Range (Access-Control-Expose-Headers), or download the file and pass it as a File'
  throw new SovitError('NETWORK', `The server does not tell the size of ${file.name}. ${wayOut}.`)
}

/** The file of an answer that has all of it: kept if it is small, in which case it may be encoded, else read again. */
export async function wholeSource(
  file: RemoteFile,
  answer: Answer,
  validators: Omit<Known, 'size'>,
  signal: AbortSignal | undefined,
): Promise<ByteSource> {
  const { name } = file
  const size = contentLength(answer.response)
  if (size !== null && size > SMALL) return new InOrder(file, { ...validators, size })
  const buffer = new Uint8Array(SMALL)
  let length = 0
  for (let piece = await answer.next(signal); piece; piece = await answer.next(signal)) {
    if (length + piece.length > SMALL) {
      const what = `it has more than ${SMALL} bytes, and the server does not tell how many`
      throw encodingOf(answer.response, name) ?? noRanges(name, what)
    }
    buffer.set(piece, length)
    length += piece.length
  }
  return memorySource(buffer.slice(0, length), name)
}

/**
 * A large file, read from its start in one go: bytes before those asked for are dropped as they come, and nothing is kept
 * but the piece of the body at hand. Reads wait for one another; one that goes back begins the file anew.
 */
class InOrder implements ByteSource {
  readonly name: string
  /** Failures count for the file, not for each read, as every one costs all bytes up to there again. */
  readonly #used = { tries: 0 }
  #answer: Answer | undefined
  /** The last piece of the body, which ends at byte #end of the file. */
  #piece: Uint8Array = new Uint8Array(0)
  #end = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly file: RemoteFile,
    private readonly known: Known,
  ) {
    this.name = file.name
  }

  size(): Promise<number> {
    return Promise.resolve(this.known.size)
  }

  sequential(): boolean {
    return true
  }

  read(begin: number, end: number, signal?: AbortSignal, into = new Uint8Array(end - begin)): Promise<Uint8Array> {
    const bytes = into.subarray(0, end - begin)
    const mine = this.#turn.then(() => retried(this.file, signal, () => this.#fill(begin, bytes, signal), this.#used))
    this.#turn = mine.catch(() => undefined) // whoever asked hears of it; the next in turn begins anew
    return unlessAborted(mine, signal, `Reading ${this.name}`)
  }

  close(): Promise<void> {
    this.#answer?.close()
    this.#answer = undefined
    return Promise.resolve()
  }

  async #fill(begin: number, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
    throwIfAborted(signal, `Reading ${this.name}`)
    try {
      for (let got = 0; got < bytes.length;) {
        const rest = await this.#from(begin + got, signal)
        const piece = rest.subarray(0, bytes.length - got)
        bytes.set(piece, got)
        got += piece.length
      }
      return bytes
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** What is at hand from the byte `at` on: one byte at least. */
  async #from(at: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (at < this.#end - this.#piece.length) await this.close()
    const answer = (this.#answer ??= await this.#begin(signal))
    while (this.#end <= at) {
      const piece = await answer.next(signal)
      if (!piece) throw cutOff(this.name, this.known.size, this.#end)
      this.#piece = piece
      this.#end += piece.length
    }
    return this.#piece.subarray(at - this.#end)
  }

  /** The open range asks for all there is, as no range would, except that with it fetch accepts no encoding. */
  async #begin(signal: AbortSignal | undefined): Promise<Answer> {
    this.#piece = new Uint8Array(0)
    this.#end = 0
    const answer = await ask(this.file, 'bytes=0-', signal, null)
    const { response } = answer
    const part = response.status === 416 || (contentRange(response)?.begin ?? 0) > 0
    const problem =
      changeOf(response, this.known, this.name) ??
      encodingOf(response, this.name) ??
      (part ? noRanges(this.name, `asked for all of it, it answered with a part (status ${response.status})`) : null)
    if (!problem) return answer
    answer.close()
    throw problem
  }
}
