import { SovitError } from '../errors.js'
import { Connection } from './connection.js'

/** Our own worker, while anything uses it. */
let ours: Connection | null = null
const theirs = new WeakMap<Worker, Connection>()

/**
 * The connection to the app's worker, or to ours, which starts when it is needed: one serves all encoders.
 *
 * @throws SovitError `WORKER`
 */
export function connect(worker?: Worker): Connection {
  if (!worker) return (ours ??= start())
  const known = theirs.get(worker)
  if (known) return known
  const connection = new Connection(worker, null)
  theirs.set(worker, connection)
  return connection
}

function start(): Connection {
  if (typeof Worker !== 'function') {
    throw new SovitError('WORKER', "There are no web workers here. Use VisionEncoder of 'sovit'.")
  }
  const worker = spawn()
  const connection = new Connection(worker, () => {
    worker.terminate()
    if (ours === connection) ours = null
  })
  return connection
}

function spawn(): Worker {
  try {
    // Bundlers find the script by this expression.
    return new Worker(new URL('./worker-entry.js', import.meta.url), { type: 'module', name: 'sovit' })
  } catch (cause) {
    const way = "Serve the package from the page's own origin, or pass a worker of your own"
    throw new SovitError('WORKER', `The worker could not be started: ${String(cause)}. ${way}.`, { cause })
  }
}
