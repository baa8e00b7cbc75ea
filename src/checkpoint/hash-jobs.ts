/** What a thread that hashes has to do. It runs while there is something to hash, and a little longer. */
import type { Hashed, Span } from './hash.js'

/** A load hashes more often than this. */
const IDLE_MS = 1000

export type Hash = (bytes: Uint8Array, spans: readonly Span[]) => Promise<Hashed>

/** A thread, of Node or of a page. It runs by now: what is moved to one that never does is lost. */
export interface Thread {
  post(message: { readonly buffer: ArrayBufferLike; readonly spans: readonly Span[] }, moved: ArrayBuffer[]): void
  end(): void
  /** Told when it has something to do, and when no more. */
  busy?(isBusy: boolean): void
}

/** The buffer that was moved, and the SHA-256 in hex of its spans. */
export interface Answer {
  readonly buffer: ArrayBuffer
  readonly hashes: readonly string[]
}

/** What a thread says. */
export interface Listener {
  answered(answer: Answer): void
  failed(error: Error): void
}

interface Job {
  readonly length: number
  readonly offset: number
  resolve(hashed: Hashed): void
  reject(error: Error): void
}

/** The thread of all loads, which starts when it is needed, or null where `start` fails, and always will. */
export function hashThread(start: (listener: Listener) => Promise<Thread>): () => Promise<Hash | null> {
  let running: Promise<Hash | null> | undefined
  return () => (running ??= startHash(start, () => (running = undefined)).catch(() => null))
}

async function startHash(start: (listener: Listener) => Promise<Thread>, ended: () => void): Promise<Hash> {
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
      job?.resolve({ hashes, bytes: new Uint8Array(buffer, job.offset, job.length) })
      if (jobs.length === 0) rest()
    },
    failed(error) {
      end()
      for (const job of jobs.splice(0)) job.reject(error)
    },
  })
  rest()
  return ({ buffer, byteOffset: offset, byteLength: length }, spans) =>
    new Promise((resolve, reject) => {
      clearTimeout(idle)
      thread.busy?.(true)
      const within = spans.map(([begin, end]): Span => [offset + begin, offset + end])
      thread.post({ buffer, spans: within }, [buffer as ArrayBuffer])
      jobs.push({ length, offset, resolve, reject })
    })
}
