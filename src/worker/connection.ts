import type { ProgressEvent } from '../checkpoint/types.js'
import { SovitError, throwIfAborted } from '../errors.js'
import type { Transferable } from '../platform.js'
import { receivedError } from './failures.js'
import { listen, type Calls, type Endpoint, type Kind, type Reply, type Request, type SentError } from './protocol.js'

type Answer = Calls[Kind]['answers']

export interface CallOptions {
  /** What of the call is handed over, and gone here. */
  readonly moved?: Iterable<Transferable>
  readonly signal?: AbortSignal
  readonly onProgress?: (event: ProgressEvent) => void
}

/** A call that waits for its answer. */
interface Pending extends CallOptions {
  readonly resolve: (value: Answer) => void
  readonly reject: (error: unknown) => void
  readonly stop: () => void
  /** What the caller's listener threw: the call fails by it, as it does without a worker. */
  thrown?: { readonly error: unknown }
}

/** Calls to a worker, which may hold several encoders. */
export class Connection {
  readonly #endpoint: Endpoint
  /** Ends a worker of our own; null for the app's, which may outlive an error and answer again. */
  readonly #end: (() => void) | null
  readonly #pending = new Map<number, Pending>()
  /** Encoders in the worker, by the calls that loaded them. */
  readonly #encoders = new Set<number>()
  #last = 0
  #failure: SovitError | null = null

  constructor(endpoint: Endpoint, end: (() => void) | null) {
    this.#endpoint = endpoint
    this.#end = end
    listen(endpoint, (reply) => this.#take(reply as Reply))
    endpoint.addEventListener('error', (event) => this.#fail(reasonOf(event)))
    endpoint.addEventListener('messageerror', () => this.#fail('an answer of it cannot be read'))
  }

  /**
   * Asks the worker. An abort of `signal` is passed on, and shows when the worker has stopped.
   *
   * @throws SovitError `WORKER`, `ABORTED`, and whatever the worker throws; a DataCloneError for what cannot be sent
   */
  async ask<K extends Kind>(kind: K, asks: Calls[K]['asks'], options: CallOptions = {}): Promise<Calls[K]['answers']> {
    return (await this.#ask(kind, asks, options)).value
  }

  /** Loads an encoder, which lives until `drop`; `call` is what it goes by. */
  load(
    asks: Calls['load']['asks'],
    options: CallOptions,
  ): Promise<{ readonly call: number; readonly value: Calls['load']['answers'] }> {
    return this.#ask('load', asks, options)
  }

  /** Frees an encoder; with the last one, a worker of our own ends. */
  drop(encoder: number): void {
    if (this.#encoders.delete(encoder)) this.#free(encoder)
  }

  #free(encoder: number): void {
    this.ask('dispose', { encoder }).catch(() => undefined) // a worker that ended has freed everything
  }

  async #ask<K extends Kind>(
    kind: K,
    asks: Calls[K]['asks'],
    options: CallOptions,
  ): Promise<{ readonly call: number; readonly value: Calls[K]['answers'] }> {
    if (this.#failure) throw this.#failure
    const { moved = [], signal } = options
    throwIfAborted(signal, kind === 'load' ? 'The load' : 'The encode')
    const call = ++this.#last
    const stop = (): void => this.#endpoint.postMessage({ sovit: 'abort', call }, [])
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#pending.set(call, { ...options, resolve, reject, stop })
    })
    try {
      this.#endpoint.postMessage({ ...asks, sovit: kind, call } as unknown as Request, [...moved])
      signal?.addEventListener('abort', stop)
      const value = await answer
      if (kind === 'load') this.#encoders.add(call)
      return { call, value }
    } finally {
      signal?.removeEventListener('abort', stop)
      this.#pending.delete(call)
      this.#release()
    }
  }

  #take(reply: Reply): void {
    if (reply.sovit === 'unreadable') return this.#fail('it cannot read what it was sent')
    const pending = this.#pending.get(reply.call)
    if (!pending) return
    if (reply.sovit === 'progress') return report(pending, reply.event)
    if (pending.thrown) {
      // The load may have ended before it heard of that.
      if (reply.sovit === 'done') this.#free(reply.call)
      return pending.reject(pending.thrown.error)
    }
    if (reply.sovit === 'failed') pending.reject(errorOf(reply.error, pending.signal))
    else pending.resolve(reply.value)
  }

  /** Rejects whatever waits. A worker of our own is given up, since nobody knows what is left of it. */
  #fail(why: string): void {
    const way = this.#end ? 'Load the encoder again.' : 'Does it import sovit/worker-entry?'
    const failure = new SovitError('WORKER', `The worker failed: ${why}. ${way}`)
    if (this.#end) this.#failure = failure
    for (const { reject } of this.#pending.values()) reject(failure)
    this.#end?.()
  }

  #release(): void {
    if (this.#encoders.size === 0 && this.#pending.size === 0) this.#end?.()
  }
}

function report(pending: Pending, event: ProgressEvent): void {
  if (pending.thrown) return
  try {
    pending.onProgress?.(event)
  } catch (error) {
    pending.thrown = { error }
    pending.stop()
  }
}

/** The signal's reason is still here: it need not cross. */
function errorOf(error: SentError, signal?: AbortSignal): Error {
  if (error.code !== 'ABORTED' || !signal?.aborted) return receivedError(error)
  return new SovitError('ABORTED', error.message, { cause: signal.reason })
}

/** Scripts that cannot be loaded give an event without a message. */
function reasonOf(event: Event): string {
  const message = 'message' in event ? String(event.message) : ''
  return message || "its script cannot be loaded; it lies beside the package's files, as worker-entry.js"
}
