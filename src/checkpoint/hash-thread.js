// A thread of Node that hashes what is moved to it, and moves it back. JavaScript, as Node runs it from the sources too.
import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

parentPort.on('message', ({ buffer, spans }) => {
  const bytes = new Uint8Array(buffer)
  const hashes = spans.map(([begin, end]) => createHash('sha256').update(bytes.subarray(begin, end)).digest('hex'))
  parentPort.postMessage({ buffer, hashes }, [buffer])
})
parentPort.postMessage('ready')
