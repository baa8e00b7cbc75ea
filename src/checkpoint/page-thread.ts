import { SovitError } from '../errors.js'
import { hashThread, type Answer, type Hash, type Listener, type Thread } from './hash-jobs.js'

const running = hashThread(start) // another would hold 17 MB, and few networks are faster than one

/** The worker that hashes for a page, or for another worker, and keeps its files; null where none can be started, as of another origin. */
export const pageThread = async (): Promise<Hash | null> => (await running())?.hash ?? null

async function start(listener: Listener): Promise<Thread> {
  // Bundlers find the script by this expression.
  const worker = new Worker(new URL('./page-worker.js', import.meta.url), { type: 'module', name: 'sovit-weights' })
  const failure = ({ message }: ErrorEvent): Error =>
    new SovitError('WORKER', `The worker that hashes weights failed (${message}). Load them again.`)
  await new Promise((resolve, reject) => {
    worker.onmessage = resolve
    worker.onerror = (event) => {
      event.preventDefault() // the page hashes by itself
      reject(failure(event))
    }
  })
  worker.onmessage = ({ data }: MessageEvent<Answer>) => listener.answered(data)
  worker.onerror = (event) => listener.failed(failure(event))
  return {
    post: (buffer, spans, file) => worker.postMessage({ buffer, spans, file }, [buffer as ArrayBuffer]),
    end: () => worker.terminate(),
  }
}
