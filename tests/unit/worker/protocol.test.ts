/** Calls and answers over a MessageChannel: what is served here is no encoder, but looks like one. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { builtInModel } from '../../../src/built-in.js'
import type { EncodeInput, EncodeOptions, Encoding, LoadOptions } from '../../../src/encoder/types.js'
import { SovitError } from '../../../src/errors.js'
import type { Transferable } from '../../../src/platform.js'
import { Connection } from '../../../src/worker/connection.js'
import { receivedError, sentError } from '../../../src/worker/failures.js'
import { sendPictures } from '../../../src/worker/inputs.js'
import type { Endpoint, Reply, Request } from '../../../src/worker/protocol.js'
import { serve, type Served } from '../../../src/worker/serve.js'
import { checkSent, sendSource } from '../../../src/worker/sources.js'

type Listens = Endpoint['addEventListener']

const FACTS = { model: { source: 'here' }, precision: 'f32', arithmetic: 'f32', positions: 'navit', logitScale: null }
const PIXELS = { pixels: { width: 14, height: 14, data: new Float32Array(588) } }

/** An encoding of two views of one memory. */
function encodingOf(value: number): Encoding {
  const memory = new ArrayBuffer(16)
  const tokens = new Float32Array(memory, 0, 2).fill(value)
  const pooled = { data: new Float32Array(memory, 8, 2).fill(-value), dims: [2], type: 'float32' as const }
  const where = { grid: [1, 1], source: [0, -1, -1], positions: 'navit' } as const
  return { tokens, dims: [1, 2], type: 'float32', ...where, pooled }
}

const disposed = vi.fn()
const encode = vi.fn<(input: unknown, options: EncodeOptions) => Promise<Encoding | Encoding[]>>()
const load = vi.fn<(source: unknown, options: LoadOptions) => Promise<unknown>>()
const served = {
  load,
  support: () => Promise.resolve({ ok: false, code: 'NO_WEBGPU', message: 'none' }),
  cache: {
    isCached: () => Promise.resolve(true),
    size: (options: object) => Promise.resolve(JSON.stringify(options).length),
    clear: () => Promise.reject(new SovitError('WRITE', 'no', { cause: new TypeError('read-only') })),
  },
} as unknown as Served

let channel: MessageChannel
const end = vi.fn()

beforeEach(() => {
  vi.resetAllMocks()
  load.mockImplementation((source: unknown) =>
    Promise.resolve({ ...FACTS, source, encode, gpuBytes: 7, gpuBuffers: 2, dispose: disposed }),
  )
  encode.mockImplementation(() => Promise.resolve(encodingOf(1)))
  channel = new MessageChannel()
  serve(channel.port2, served)
  channel.port1.start()
  channel.port2.start()
})
afterEach(() => {
  channel.port1.close()
  channel.port2.close()
})

function connect(own = true): Connection {
  return new Connection(channel.port1, own ? end : null)
}

async function loaded(connection: Connection, options: LoadOptions = {}): Promise<number> {
  const asks = { source: 'built-in', options: {}, reports: options.onProgress !== undefined } as const
  return (await connection.load(asks, options)).call
}

const encoding = (encoder: number, input: EncodeInput = PIXELS) => ({ encoder, input, options: {} })

/** What is answered first to a request that is not cloned. */
function answerTo(request: Request): Promise<Reply> {
  return new Promise((resolve) => {
    const endpoint = { postMessage: resolve as Endpoint['postMessage'], addEventListener: vi.fn<Listens>() }
    serve(endpoint, served)
    endpoint.addEventListener.mock.calls[0]?.[1]({ data: request } as unknown as Event)
  })
}

describe('calls', () => {
  test('are answered, each with its own, however they overlap', async () => {
    const connection = connect()
    const encoder = await loaded(connection)
    let first: (value: Encoding) => void = () => undefined
    encode.mockImplementationOnce(() => new Promise<Encoding>((resolve) => (first = resolve)))
    const slow = connection.ask('encode', encoding(encoder))
    expect(await connection.ask('encode', encoding(encoder))).toEqual(encodingOf(1))
    first(encodingOf(2))
    expect(await slow).toEqual(encodingOf(2))
    expect(await connection.ask('memory', { encoder })).toEqual({ bytes: 7, buffers: 2 })
    expect(await connection.ask('support', {})).toMatchObject({ code: 'NO_WEBGPU' })
    expect(await connection.ask('isCached', { source: 'built-in', options: {} })).toBe(true)
  })

  test('results are moved, memory that they share once', async () => {
    const made = encodingOf(3)
    encode.mockResolvedValue([made])
    const connection = connect()
    const [got] = (await connection.ask('encode', encoding(await loaded(connection)))) as Encoding[]
    expect(got).toEqual(encodingOf(3))
    expect(got?.tokens.buffer).toBe(got?.pooled?.data.buffer)
    expect(made.tokens.length).toBe(0)
  })

  test('what is not of the protocol is left to the app', async () => {
    const connection = connect()
    channel.port2.postMessage('hello')
    channel.port2.postMessage({ done: 1 })
    channel.port1.postMessage(null)
    expect(await connection.ask('support', {})).toMatchObject({ ok: false })
  })

  test('errors keep their code, their message and what their cause says', async () => {
    const connection = connect()
    const failed = connection.ask('clear', { source: null, options: {} })
    await expect(failed).rejects.toBeInstanceOf(SovitError)
    await expect(failed).rejects.toMatchObject({
      code: 'WRITE',
      message: 'no',
      cause: { message: 'TypeError: read-only' },
    })
    const gone = connection.ask('encode', encoding(99))
    await expect(gone).rejects.toMatchObject({ code: 'DISPOSED', name: 'SovitError' })
  })

  test('bitmaps and frames that arrived are closed, also after a failure', async () => {
    const close = vi.fn()
    const input = [{ close }, { close }] as unknown as EncodeInput[]
    const answer = answerTo({ sovit: 'encode', call: 1, encoder: 9, input, options: {} })
    expect(await answer).toMatchObject({ sovit: 'failed', error: { code: 'DISPOSED' } })
    expect(close).toHaveBeenCalledTimes(2)
  })
})

describe('signals and listeners', () => {
  /** Loads until its signal is aborted. */
  function untilAborted(_: unknown, { signal, onProgress }: LoadOptions): Promise<never> {
    onProgress?.({ status: 'initiate', phase: 'header', name: '', file: '', loaded: 0, total: 0, progress: 0 })
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new SovitError('ABORTED', 'The load was aborted.')))
    })
  }

  test("an abort stops the work, and its error has the signal's reason", async () => {
    load.mockImplementation(untilAborted)
    const abort = new AbortController()
    const reason = { why: 'changed my mind' }
    const load1 = loaded(connect(), { signal: abort.signal, onProgress: () => abort.abort(reason) })
    await expect(load1).rejects.toMatchObject({ name: 'AbortError', code: 'ABORTED' })
    await expect(load1).rejects.toHaveProperty('cause', reason)
    expect(end).toHaveBeenCalled()
  })

  test('an aborted signal sends nothing', async () => {
    const aborted = loaded(connect(), { signal: AbortSignal.abort('early') })
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', cause: 'early' })
    expect(load).not.toHaveBeenCalled()
  })

  test('what a listener throws fails the load', async () => {
    load.mockImplementation(untilAborted)
    const thrown = new Error('mine')
    const onProgress = (): never => {
      throw thrown
    }
    await expect(loaded(connect(), { onProgress })).rejects.toBe(thrown)
  })

  test('and frees an encoder that was ready before the worker heard of it', async () => {
    load.mockImplementation((_: unknown, { onProgress }: LoadOptions) => {
      onProgress?.({ status: 'ready', phase: 'ready', name: '', file: '', loaded: 0, total: 0, progress: 100 })
      return Promise.resolve({ ...FACTS, dispose: disposed })
    })
    const onProgress = (): never => {
      throw new Error('mine')
    }
    await expect(loaded(connect(), { onProgress })).rejects.toThrow('mine')
    await vi.waitFor(() => expect(disposed).toHaveBeenCalledOnce())
  })
})

describe('the worker', () => {
  test('ends with the last encoder, and not while anything waits', async () => {
    const connection = connect()
    const [one, two] = [await loaded(connection), await loaded(connection)]
    connection.drop(one)
    connection.drop(one)
    await vi.waitFor(() => expect(disposed).toHaveBeenCalledOnce())
    await connection.ask('memory', { encoder: two })
    expect(end).not.toHaveBeenCalled()
    connection.drop(two)
    await vi.waitFor(() => expect(end).toHaveBeenCalledOnce())
    expect(disposed).toHaveBeenCalledTimes(2)
  })

  test.each(['error', 'messageerror'])('%s rejects what waits and gives up a worker of ours', async (type) => {
    encode.mockReturnValue(new Promise<never>(() => undefined))
    const connection = connect()
    const encoder = await loaded(connection)
    const waits = connection.ask('encode', encoding(encoder))
    channel.port1.dispatchEvent(new Event(type))
    await expect(waits).rejects.toMatchObject({ code: 'WORKER' })
    await expect(connection.ask('memory', { encoder })).rejects.toMatchObject({ code: 'WORKER' })
    expect(end).toHaveBeenCalled()
  })

  test("an error of the app's own is no end of it", async () => {
    encode.mockReturnValue(new Promise<never>(() => undefined))
    const connection = connect(false)
    const encoder = await loaded(connection)
    const waits = connection.ask('encode', encoding(encoder))
    channel.port1.dispatchEvent(Object.assign(new Event('error'), { message: 'oops' }))
    await expect(waits).rejects.toThrow('The worker failed: oops.')
    expect(await connection.ask('memory', { encoder })).toEqual({ bytes: 7, buffers: 2 })
  })

  test('says when it cannot read what arrives', async () => {
    const connection = connect()
    load.mockReturnValue(new Promise<never>(() => undefined))
    const waits = loaded(connection)
    channel.port2.dispatchEvent(new Event('messageerror'))
    await expect(waits).rejects.toThrow('it cannot read what it was sent')
  })
})

describe('what is sent', () => {
  const moved = (): Set<Transferable> => new Set()

  test.each([
    ['device', { device: {} }],
    ['gpu', { gpu: {} }],
    ['fetch', { fetch: () => undefined }],
    ['cache', { cache: { match: () => undefined } as never }],
    ['tuning', { tuning: { read: () => undefined } as never }],
    ['output', { output: 'gpu' }],
  ])('%s is refused by name', (name, options) => {
    expect(() => checkSent(options)).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining(name) as unknown }) as Error,
    )
  })

  test('options that can be cloned are not', () => {
    expect(() => checkSent({ cache: false, tuning: true, output: 'cpu' })).not.toThrow()
  })

  test('sources: the built-in model by name, addresses as addresses, Files with their folders', () => {
    expect(sendSource(builtInModel, false, moved())).toBe('built-in')
    expect(sendSource(new URL('https://host/a'), false, moved())).toEqual({ url: 'https://host/a' })
    expect(sendSource('owner/repo', false, moved())).toEqual({ given: 'owner/repo' })
    const file = Object.assign(new File(['x'], 'a'), { webkitRelativePath: 'folder/a' })
    expect(sendSource([file], false, moved())).toEqual({ files: [{ file, path: 'folder/a' }] })
    vi.stubGlobal('location', { href: 'https://host/page/index.html' })
    expect(sendSource('./model/', false, moved())).toEqual({ url: 'https://host/page/model/' })
    vi.unstubAllGlobals()
  })

  test('a folder of Files arrives with its folders', () => {
    // By hand: Node clones a File into a Blob.
    const source = { files: [{ file: new File(['x'], 'a'), path: 'folder/a' }] }
    void answerTo({ sovit: 'load', call: 1, source, options: {}, reports: false })
    expect(load.mock.calls[0]?.[0]).toMatchObject([{ name: 'a', webkitRelativePath: 'folder/a' }])
  })

  test('bytes are copied, of a view only what it shows, or moved when asked', async () => {
    const data = new Uint8Array(100).subarray(0, 27)
    const raw = { width: 3, height: 3, data }
    const copy = await sendPictures([raw, PIXELS], false)
    const [first] = copy.pictures as [typeof raw]
    expect(first.data.buffer.byteLength).toBe(27)
    expect(copy.moved).toHaveLength(2)
    expect(copy.moved).not.toContain(data.buffer)
    const move = await sendPictures([raw, raw], true)
    expect(move.moved).toEqual([data.buffer])
    expect(move.pictures).toEqual([raw, raw])
  })

  test('shared memory is copied even then', async () => {
    const data = new Uint8Array(new SharedArrayBuffer(27))
    const { moved, pictures } = await sendPictures([{ width: 3, height: 3, data }], true)
    expect(moved).toHaveLength(1)
    expect((pictures[0] as { data: Uint8Array }).data.buffer).toBeInstanceOf(ArrayBuffer)
  })

  test('what is no picture arrives as it is, to be refused there', async () => {
    const odd = [null, 5, undefined] as unknown as EncodeInput[]
    expect((await sendPictures(odd, false)).pictures).toEqual(odd)
  })

  test.each([[new RangeError('far')], ['text']])('an error of others: %s', (error) => {
    const received = receivedError(structuredClone(sentError(error)))
    expect(received).not.toBeInstanceOf(SovitError)
    expect(received.message).toBe(error instanceof Error ? 'far' : 'text')
    expect(received.name).toBe(error instanceof Error ? 'RangeError' : 'Error')
  })
})
