import { builtInModel } from '../built-in.js'
import type { ProgressEvent } from '../checkpoint/types.js'
import type { KeptWeights } from '../encoder/kept.js'
import type { Encoding, LoadOptions, ModelSource, Support } from '../encoder/types.js'
import { VisionEncoder } from '../encoder.js'
import { SovitError } from '../errors.js'
import type { Transferable } from '../platform.js'
import { sentError } from './failures.js'
import {
  listen,
  type Calls,
  type Endpoint,
  type EncoderFacts,
  type Kind,
  type Reply,
  type Request,
} from './protocol.js'
import type { SentInput, SentSource } from './protocol.js'

type ServedEncoder = EncoderFacts &
  Pick<VisionEncoder, 'encode' | 'profile' | 'dispose'> & { readonly gpuBytes: number; readonly gpuBuffers: number }

type Asked<K extends Kind> = Extract<Request, { readonly sovit: K }>

/** What is served: `VisionEncoder`, or something like it. */
export interface Served {
  load(source: ModelSource, options: LoadOptions): Promise<ServedEncoder>
  support(): Promise<Support>
  readonly cache: Omit<KeptWeights, 'persist'>
}

/** Answers the calls that arrive at this end, until the worker ends. */
export function serve(endpoint: Endpoint, served: Served = VisionEncoder): void {
  const server = new Server(endpoint, served)
  listen(endpoint, (request) => void server.take(request as Request))
  endpoint.addEventListener('messageerror', () => endpoint.postMessage({ sovit: 'unreadable' }, []))
}

class Server {
  readonly #endpoint: Endpoint
  readonly #served: Served
  readonly #encoders = new Map<number, ServedEncoder>()
  /** Of calls that are not answered yet. */
  readonly #aborts = new Map<number, AbortController>()

  constructor(endpoint: Endpoint, served: Served) {
    this.#endpoint = endpoint
    this.#served = served
  }

  async take(request: Request): Promise<void> {
    const { call } = request
    if (request.sovit === 'abort') return this.#aborts.get(call)?.abort()
    const abort = new AbortController()
    this.#aborts.set(call, abort)
    try {
      const value = await this.#answer(request, abort.signal)
      this.#send(
        { sovit: 'done', call, value },
        request.sovit === 'encode' ? buffersOf(value as Calls['encode']['answers']) : [],
      )
    } catch (error) {
      this.#send({ sovit: 'failed', call, error: sentError(error) })
    } finally {
      this.#aborts.delete(call)
    }
  }

  async #answer(request: Asked<Kind>, signal: AbortSignal): Promise<Calls[Kind]['answers']> {
    switch (request.sovit) {
      case 'load':
        return this.#load(request, signal)
      case 'encode':
        return using(request.input, (input) => this.#encoder(request).encode(input, { ...request.options, signal }))
      case 'profile':
        return using(request.input, (input) => this.#encoder(request).profile(input, { ...request.options, signal }))
      case 'memory': {
        const { gpuBytes, gpuBuffers } = this.#encoder(request)
        return { bytes: gpuBytes, buffers: gpuBuffers }
      }
      case 'dispose':
        this.#encoders.get(request.encoder)?.dispose()
        this.#encoders.delete(request.encoder)
        return undefined
      case 'support':
        return this.#served.support()
      default:
        return this.#kept(request)
    }
  }

  async #kept(request: Asked<'isCached' | 'size' | 'clear'>): Promise<number | boolean | undefined> {
    const { cache } = this.#served
    if (request.sovit === 'isCached') return cache.isCached(receivedSource(request.source), request.options)
    const source = request.source === null ? undefined : receivedSource(request.source)
    if (request.sovit === 'size') return cache.size({ ...request.options, source })
    await cache.clear(source, request.options)
    return undefined
  }

  async #load({ call, source, options, reports }: Asked<'load'>, signal: AbortSignal): Promise<EncoderFacts> {
    const report = (event: ProgressEvent): void => this.#send({ sovit: 'progress', call, event })
    const onProgress = reports ? report : undefined
    const encoder = await this.#served.load(receivedSource(source), { ...options, onProgress, signal })
    this.#encoders.set(call, encoder)
    const { model, precision, arithmetic, positions, logitScale, load, device } = encoder
    return { model, precision, arithmetic, positions, logitScale, load, device }
  }

  #encoder({ encoder }: { readonly encoder: number }): ServedEncoder {
    const found = this.#encoders.get(encoder)
    if (!found) throw new SovitError('DISPOSED', 'The encoder was disposed. Load it again to encode.')
    return found
  }

  #send(reply: Reply, transfer: Transferable[] = []): void {
    this.#endpoint.postMessage(reply, transfer)
  }
}

function receivedSource(source: SentSource): ModelSource {
  if (source === 'built-in') return builtInModel
  if ('url' in source) return new URL(source.url)
  if ('given' in source) return source.given
  for (const { file, path } of source.files) {
    if (path && !file.webkitRelativePath) Object.defineProperty(file, 'webkitRelativePath', { value: path })
  }
  return source.files.map(({ file }) => file)
}

/** Bitmaps and frames that crossed are this side's own, and hold memory until they are closed. */
async function using<T>(input: SentInput, use: (input: SentInput) => Promise<T>): Promise<T> {
  try {
    return await use(input)
  } finally {
    for (const one of Array.isArray(input) ? (input as readonly unknown[]) : [input]) {
      if (typeof one === 'object' && one !== null && 'close' in one) (one as ImageBitmap).close()
    }
  }
}

/** Memory of results, to be handed over: arrays may share it. */
function buffersOf(encodings: Encoding | readonly Encoding[]): ArrayBuffer[] {
  const arrays = [encodings].flat().flatMap(({ tokens, hiddenStates = [], pooled, resampled, merged }: Encoding) => {
    const heads = [pooled, resampled, merged].flatMap((head) => head?.data ?? [])
    return [tokens, ...hiddenStates, ...heads]
  })
  return [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))]
}
