/** What a thread that hashes has to do. It runs while there is something to hash, and a little longer. */
import type { Hashed, Span } from './hash.js'

/** A load hashes more often than this. */
const IDLE_MS = 1000
/** A thread with so many jobs is behind: SHA-256 is as slow as 0.3 GB/s there, and what waits for it keeps reads from starting. */
const WAITING = 2

export type Hash = (bytes: Uint8Array, spans: readonly Span[]) => Promise<Hashed>

/** A thread, of Node or of a page. It runs by now: what is moved to one that never does is lost. */
export interface Thread {
  /** Has spans of a buffer hashed, which is shared, or moved. */
  post(buffer: ArrayBufferLike, spans: readonly Span[]): void
  end(): void
  /** Told when it has something to do, and when no more. */
  busy?(isBusy: boolean): void
}

/** The SHA-256 in hex of the spans, and the buffer if it was moved. */
export interface Answer {
  readonly buffer?: ArrayBuffer
  readonly hashes: readonly string[]
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

/** Threads that hash, of all loads. */
interface Running {
  readonly hash: Hash
  readonly jobs: readonly Job[]
}

/**
 * The threads of all loads, which start when they are needed: one, and further ones, up to `most`, where those are behind. Null
 * where `start` fails, and always will.
 */
export function hashThreads(start: (listener: Listener) => Promise<Thread>, most: number): () => Promise<Hash | null> {
  const threads = new Set<Promise<Running>>()
  const startNext = (): Promise<Running> => {
    const next = startHash(start, () => threads.delete(next))
    threads.add(next)
    return next
  }
  return async () => {
    try {
      const running = await Promise.all(threads.size > 0 ? threads : [startNext()])
      const least = running.reduce((a, b) => (b.jobs.length < a.jobs.length ? b : a))
      const isBehind = least.jobs.length >= WAITING && threads.size < most
      return (isBehind ? await startNext() : least).hash
    } catch {
      return null
    }
  }
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
    answered({ buffer, hashes }) {
      const job = jobs.shift()
      job?.resolve({ hashes, bytes: buffer ? new Uint8Array(buffer, job.offset, job.length) : job.bytes })
      if (jobs.length === 0) rest()
    },
    failed(error) {
      end()
      for (const job of jobs.splice(0)) job.reject(error)
    },
  })
  rest()
  const hash: Hash = (bytes, spans) =>
    new Promise((resolve, reject) => {
      const { byteOffset: offset, length } = bytes
      clearTimeout(idle)
      thread.busy?.(true)
      const within = spans.map(([begin, end]): Span => [offset + begin, offset + end])
      thread.post(bytes.buffer, within)
      jobs.push({ bytes, offset, length, resolve, reject })
    })
  return { hash, jobs }
}
