/** Ranges of a file: of one read each, or of some that follow each other. */
import { cutOff, noRanges, Passing, rangeProblem, type Known } from './http-answer.js'
import { ask, retried, type Answer, type RemoteFile } from './http-ask.js'

/** A try that brought so many bytes before it broke was worth it, and does not count as one. */
const WORTH = 2 ** 20
/** Of larger files the browser's own cache gets nothing: what is kept would be kept twice, at a third of a load's time. */
const LARGE_FILE = 2 ** 26

/** What the first answer told, and how others are asked for. */
export interface Asked extends Known {
  /** The strong ETag, where If-Range may be sent. */
  readonly ifRange: string | null
}

/** An answer that must be the bytes [begin, end) of a file, and no others. */
export interface Range {
  readonly answer: Answer
  readonly begin: number
  readonly end: number
  /** Of the file: what is read next. */
  at: number
  /** What came of that already. */
  rest: Uint8Array
}

/**
 * Fills `bytes` with the file from `begin`, out of the answer `range`, which has come to there, or of one that is asked for: up to
 * `until`. Gives the answer if there is more of it. What breaks off is continued, not begun anew: the next answer must be of
 * the same content as far as can be seen, like that of any other range.
 */
export async function readRange(
  file: RemoteFile,
  known: Asked,
  begin: number,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
  until = begin + bytes.length,
  range?: Range,
): Promise<Range | undefined> {
  let got = 0
  const attempt = async (): Promise<void> => {
    const before = got
    try {
      range ??= await askRange(file, known, begin + got, until, signal)
      range.answer.fill(bytes.subarray(got))
      while (got < bytes.length) {
        const piece = range.rest.length > 0 ? range.rest : await range.answer.next(signal)
        if (!piece) throw cutOff(file.name, range.end, range.at)
        if (range.at + piece.length > range.end) throw tooMuch(file, range)
        const taken = piece.subarray(0, bytes.length - got)
        if (taken.buffer !== bytes.buffer) bytes.set(taken, got) // else it lies where it belongs
        got += taken.length
        range.at += taken.length
        range.rest = piece.subarray(taken.length)
      }
      if (range.at < range.end) return
      if (await range.answer.next(signal)) throw tooMuch(file, range)
      range.answer.close()
      range = undefined
    } catch (error) {
      range?.answer.close()
      range = undefined
      if (!(error instanceof Passing) || got - before < WORTH) throw error
    }
  }
  while (got < bytes.length) await retried(file, signal, attempt)
  return range
}

async function askRange(
  file: RemoteFile,
  known: Asked,
  begin: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<Range> {
  const cache = known.size > LARGE_FILE ? 'no-store' : 'default'
  const answer = await ask(file, `bytes=${begin}-${end - 1}`, signal, known.ifRange, cache)
  const problem = rangeProblem(answer.response, begin, end, known, file.name)
  if (!problem) return { answer, begin, end, at: begin, rest: new Uint8Array(0) }
  answer.close()
  throw problem
}

function tooMuch({ name }: RemoteFile, { begin, end }: Range): Error {
  return noRanges(name, `the server sent more than the ${end - begin} bytes from ${begin} that were asked for`)
}
