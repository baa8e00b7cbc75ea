import { hashThreads, type Answer, type Listener, type Thread } from './hash-jobs.js'

/** The worker that hashes for a page, or for another worker; null where none can be started, as of another origin. */
export const pageThread = hashThreads(start, 1) // another holds 17 MB, and few networks are faster than one

async function start(listener: Listener): Promise<Thread> {
  // Bundlers find the script by this expression.
  const worker = new Worker(new URL('./hash-worker.js', import.meta.url), { type: 'module', name: 'sovit-hashes' })
  const failure = ({ message }: ErrorEvent): Error => new Error(message || 'the worker that hashes failed')
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
    post: (buffer, spans) => worker.postMessage({ buffer, spans }, [buffer as ArrayBuffer]),
    end: () => worker.terminate(),
  }
}
