import { hashThreads, type Answer, type Listener, type Thread } from './hash-jobs.js'

/** As many as have something to do: of the three reads of a load, one is in flight or consumed. */
const THREADS = 2

/** What hashes in Node; null where no thread can be started, as in programs bundled into one file. */
export const nodeThread = hashThreads(start, THREADS)

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
