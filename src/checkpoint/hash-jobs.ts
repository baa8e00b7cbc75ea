/** What a thread that hashes has to do. It runs while there is something to hash, and a little longer. */
import type { Hashed, Span } from './hash.js'

/** A load hashes more often than this. */
const IDLE_MS = 1000

/** Hashes spans of bytes, or has the one span written to a file or read from there. */
export type Hash = (bytes: Uint8Array, spans: readonly Span[], file?: ChunkFile) => Promise<Hashed>

/** A file of a page, to be written with a hash before the bytes, or to be read: its hash is the answer then. */
export interface ChunkFile {
  readonly path: string
  readonly hash?: string
}

/** A thread, of Node or of a page. It runs by now: what is moved to one that never does is lost. */
export interface Thread {
  /** Has spans of a buffer hashed, which is shared, or moved; or one of them kept or read, where threads do that. */
  post(buffer: ArrayBufferLike, spans: readonly Span[], file?: ChunkFile): void
  end(): void
  /** Told when it has something to do, and when no more. */
  busy?(isBusy: boolean): void
}

/** The SHA-256 in hex of the spans, and the buffer if it was moved. */
export interface Answer {
  readonly buffer?: ArrayBuffer
  readonly hashes: readonly string[]
  /** What failed, where the buffer comes back all the same. */
  readonly failure?: string
}

/** What a thread says. */
export interface Listener {
  answered(answer: Answer): void
  failed(error: Error): void
}

interface Job {
  readonly bytes: Uint8Array
  readonly offset: number
  readonly length: number
  resolve(hashed: Hashed): void
  reject(error: Error): void
}

/** A thread that runs, and what it has to do. */
export interface Running {
  readonly hash: Hash
  readonly jobs: readonly unknown[]
}

/** A thread of all loads, which starts when it is needed. Null where `start` fails, and always will. */
export function hashThread(start: (listener: Listener) => Promise<Thread>): () => Promise<Running | null> {
  let running: Promise<Running | null> | undefined
  return () => (running ??= startHash(start, () => (running = undefined)).catch(() => null))
}

async function startHash(start: (listener: Listener) => Promise<Thread>, ended: () => void): Promise<Running> {
  const jobs: Job[] = []
  let idle: ReturnType<typeof setTimeout> | undefined
  const end = (): void => {
    ended()
    thread.end()
  }
  const rest = (): void => {
    thread.busy?.(false)
    idle = setTimeout(end, IDLE_MS)
    ;(idle as { unref?(): void }).unref?.() // of Node: it holds up no exit
  }
  const thread = await start({
    answered({ buffer, ...answer }) {
      const job = jobs.shift()
      job?.resolve({ ...answer, bytes: buffer ? new Uint8Array(buffer, job.offset, job.length) : job.bytes })
      if (jobs.length === 0) rest()
    },
    failed(error) {
      end()
      for (const job of jobs.splice(0)) job.reject(error)
    },
  })
  rest()
  const hash: Hash = (bytes, spans, file) =>
    new Promise((resolve, reject) => {
      const { byteOffset: offset, length } = bytes
      clearTimeout(idle)
      thread.busy?.(true)
      const within = spans.map(([begin, end]): Span => [offset + begin, offset + end])
      thread.post(bytes.buffer, within, file)
      jobs.push({ bytes, offset, length, resolve, reject })
    })
  return { hash, jobs }
}
