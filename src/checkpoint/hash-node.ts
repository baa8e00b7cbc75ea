/** The thread that hashes in Node. It runs while there is something to hash and a little longer, and holds up no exit. */
import type { Worker } from 'node:worker_threads'
import type { Hashed, Span } from './hash.js'

/** A load hashes more often than this. */
const IDLE_MS = 1000

interface Job {
  readonly length: number
  readonly offset: number
  resolve(hashed: Hashed): void
  reject(error: Error): void
}
type Hash = (bytes: Uint8Array, spans: readonly Span[]) => Promise<Hashed>

let running: Promise<Hash | null> | undefined

/** Of all loads of this process; null where no thread can be started, as in programs bundled into one file. */
export function hashThread(): Promise<Hash | null> {
  return (running ??= start(() => (running = undefined)).catch(() => null))
}

/** Node's module. The name is a parameter, because bundlers for browsers resolve a literal one and fail. */
async function start(ended: () => void, module = 'node:worker_threads'): Promise<Hash> {
  const { Worker: Thread } = (await import(/* @vite-ignore */ module)) as typeof import('node:worker_threads')
  // Of the program's own flags it needs none, and some (`--eval`) would keep it from starting.
  const thread: Worker = new Thread(new URL('./hash-thread.js', import.meta.url), { execArgv: [] })
  // Not before it runs: buffers that are moved to one that never does are lost.
  await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject))
  const jobs: Job[] = []
  let idle: ReturnType<typeof setTimeout> | undefined
  const end = (): void => {
    ended()
    void thread.terminate()
  }
  const rest = (): void => {
    thread.unref()
    idle = setTimeout(end, IDLE_MS).unref()
  }
  thread.on('message', ({ buffer, hashes }: { buffer: ArrayBuffer; hashes: string[] }) => {
    const job = jobs.shift()
    job?.resolve({ hashes, bytes: new Uint8Array(buffer, job.offset, job.length) })
    if (jobs.length === 0) rest()
  })
  thread.on('error', (error) => {
    end()
    for (const job of jobs.splice(0)) job.reject(error)
  })
  rest()
  return ({ buffer, byteOffset: offset, byteLength: length }, spans) =>
    new Promise((resolve, reject) => {
      clearTimeout(idle)
      thread.ref()
      const within = spans.map(([begin, end]) => [offset + begin, offset + end])
      thread.postMessage({ buffer, spans: within }, [buffer as ArrayBuffer])
      jobs.push({ length, offset, resolve, reject })
    })
}
