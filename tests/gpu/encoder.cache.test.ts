/** Weights kept between loads: in a browser as files of the page, in Node by a caller's object. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { VisionEncoder, type LoadOptions, type ProgressEvent } from '../../src/index.js'
import { testPixels } from '../fixtures/pixels.js'
import { withValue } from '../support/checkpoint.js'
import { testGpu } from '../support/device.js'
import { fixtureBytes } from '../support/fixture.js'
import { failure } from '../support/failure.js'
import { MemoryCache } from '../support/memory-cache.js'
import { pageChunks, rewrite } from '../support/page-files.js'
import { rangeAnswer } from '../support/range-answer.js'

const gpu = await testGpu()
const inBrowser = typeof document !== 'undefined'
const memory = new MemoryCache()
const cache = inBrowser ? true : memory
const repository = 'somebody/tower'
const picture = { pixels: testPixels(1, 28, 42) }
const files = new Map<string, ArrayBuffer>()
let asked: string[] = []

/** The hub, as far as this repository goes. */
const hub: typeof fetch = (input, init) => {
  const file =
    /\/somebody\/tower\/resolve\/main\/([\w.]+)$/.exec(input instanceof Request ? input.url : String(input))?.[1] ?? ''
  asked.push(`${file} ${new Headers(init?.headers).get('range') ?? ''}`)
  return Promise.resolve(rangeAnswer(files.get(file), init))
}

const load = (options: LoadOptions = {}) =>
  VisionEncoder.load(repository, { gpu, precision: 'f32', positions: 'navit', cache, fetch: hub, ...options })

async function tokensOf(options: LoadOptions = {}): Promise<Float32Array> {
  using encoder = await load(options)
  return (await encoder.encode(picture)).tokens
}

beforeAll(async () => {
  for (const file of ['config.json', 'model.safetensors']) {
    files.set(file, await fixtureBytes(`tests/fixtures/models/siglip-f32/${file}`))
  }
})
beforeEach(async () => {
  await VisionEncoder.cache.clear(undefined, { cache })
  asked = []
})
afterAll(() => VisionEncoder.cache.clear(undefined, { cache }))

test('a second load asks for no weights, and a third works without network', async () => {
  const tokens = await tokensOf()
  expect(asked.length).toBeGreaterThan(2)
  asked = []
  const events: ProgressEvent[] = []
  using second = await load({ onProgress: (event) => events.push(event) })
  expect(asked.filter((line) => !line.endsWith(' bytes=0-0'))).toEqual([])
  expect(second.load.fetchedBytes).toBe(0)
  expect(second.load.cachedBytes).toBeGreaterThan(second.load.weightBytes)
  const phases = ['header', 'cache', 'upload', 'compile', 'ready']
  expect([...new Set(events.map(({ phase }) => phase))]).toEqual(phases)
  expect(await tokensOf({ fetch: () => Promise.reject(new TypeError('offline')) })).toEqual(tokens)
})

test('says what is kept, and clears it', async () => {
  const at = { cache, fetch: hub }
  expect(await VisionEncoder.cache.isCached(repository, at)).toBe(false)
  expect(await VisionEncoder.cache.size({ cache })).toBe(0)
  using encoder = await load()
  expect(await VisionEncoder.cache.isCached(repository, at)).toBe(true)
  expect(await VisionEncoder.cache.isCached(repository, { ...at, revision: 'other' })).toBe(false)
  expect(await VisionEncoder.cache.size({ cache })).toBe(encoder.load.fetchedBytes)
  expect(await VisionEncoder.cache.size({ cache, source: repository })).toBe(encoder.load.fetchedBytes)
  expect(await VisionEncoder.cache.size({ cache, source: 'somebody/else' })).toBe(0)
  asked = []
  await VisionEncoder.cache.clear('somebody/else', { cache })
  expect(await VisionEncoder.cache.isCached(repository, at)).toBe(true)
  await VisionEncoder.cache.clear(repository, { cache })
  expect(await VisionEncoder.cache.isCached(repository, at)).toBe(false)
  expect(await VisionEncoder.cache.size({ cache })).toBe(0)
  expect(asked).toEqual([])
})

test('what was damaged is fetched again, and said once', async () => {
  const tokens = await tokensOf()
  const flip = (bytes: Uint8Array): Uint8Array => {
    const at = (bytes.length * 3) >> 2
    return bytes.with(at, (bytes[at] ?? 0) ^ 1)
  }
  if (inBrowser) for (const file of await pageChunks()) await rewrite(file, flip)
  for (const [key, { bytes, headers }] of memory.entries)
    if (/\.\d+-\d+$/.test(key)) memory.entries.set(key, { bytes: flip(bytes), headers })
  const events: ProgressEvent[] = []
  expect(await tokensOf({ onProgress: (event) => events.push(event) })).toEqual(tokens)
  const said = events.filter(({ status }) => status === 'cache')
  expect(said).toMatchObject([{ phase: 'cache', message: expect.stringContaining('damaged') as string }])
  asked = []
  expect(await tokensOf()).toEqual(tokens)
  expect(asked.filter((line) => !line.endsWith(' bytes=0-0'))).toEqual([])
})

test('weights that were NaN are not kept, and the next load asks for them again', async () => {
  const right = files.get('model.safetensors') ?? new ArrayBuffer()
  const name = 'vision_model.post_layernorm.weight'
  files.set('model.safetensors', withValue(right, name, 0, NaN))
  try {
    await failure(load(), 'BAD_WEIGHTS')
    expect(await VisionEncoder.cache.isCached(repository, { cache, fetch: hub })).toBe(false)
  } finally {
    files.set('model.safetensors', right)
  }
  expect((await tokensOf()).every(Number.isFinite)).toBe(true)
})

test('`false` keeps nothing', async () => {
  using encoder = await load({ cache: false })
  expect(encoder.load.cachedBytes).toBe(0)
  expect(await VisionEncoder.cache.size({ cache })).toBe(0)
})
