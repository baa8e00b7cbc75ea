// A thread of Node that hashes what it shares with others. JavaScript, as Node runs it from the sources too.
import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

parentPort.on('message', ({ buffer, spans }) => {
  const bytes = new Uint8Array(buffer)
  const hashes = spans.map(([begin, end]) => createHash('sha256').update(bytes.subarray(begin, end)).digest('hex'))
  parentPort.postMessage({ hashes })
})
parentPort.postMessage('ready')
