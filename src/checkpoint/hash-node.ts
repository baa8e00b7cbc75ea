import { hashThread, type Answer, type Hash, type Listener, type Thread } from './hash-jobs.js'

/** A thread with so many jobs is behind: SHA-256 is as slow as 0.3 GB/s there, and what waits for it keeps reads from starting. */
const WAITING = 2

/** What hashes in Node; null where no thread can be started, as in programs bundled into one file. */
export const nodeThread = hashThreads(start)

/** One thread, and where that is behind another. As many have something to do: of three reads, one is in flight or consumed. */
export function hashThreads(startOne: (listener: Listener) => Promise<Thread>): () => Promise<Hash | null> {
  const [first, second] = [hashThread(startOne), hashThread(startOne)]
  return async () => {
    const one = await first()
    const other = one && one.jobs.length >= WAITING ? await second() : null
    return (one && other && other.jobs.length < one.jobs.length ? other : one)?.hash ?? null
  }
}

/** Node's module. The name is a parameter, because bundlers for browsers resolve a literal one and fail. */
async function start(listener: Listener, module = 'node:worker_threads'): Promise<Thread> {
  const { Worker: NodeWorker } = (await import(/* @vite-ignore */ module)) as typeof import('node:worker_threads')
  // Of the program's own flags it needs none, and some (`--eval`) would keep it from starting.
  const thread = new NodeWorker(new URL('./hash-thread.js', import.meta.url), { execArgv: [] })
  await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject))
  thread.on('message', (answer: Answer) => listener.answered(answer)).on('error', (error) => listener.failed(error))
  return {
    post: (buffer, spans) => thread.postMessage({ buffer, spans }),
    end: () => void thread.terminate(),
    busy: (isBusy) => (isBusy ? thread.ref() : thread.unref()),
  }
}
