/** Bytes kept between loads: never asked for twice, never wrong, and never in the way of a load. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openCache } from '../../../src/checkpoint/cache.js'
import { memorySource } from '../../../src/checkpoint/memory.js'
import { openCheckpoint } from '../../../src/checkpoint/open.js'
import type { LocateOptions } from '../../../src/checkpoint/sources.js'
import { encodeSafetensors } from '../../../src/checkpoint/safetensors-write.js'
import type { CacheOption, WeightCache } from '../../../src/checkpoint/types.js'
import { MemoryCache } from '../../support/memory-cache.js'
import { concat, expectError, pattern as makePattern, PIECE, sha256 } from './safetensors-cases.js'
import { files, serve, type Handler, type Server } from './server.js'

const MiB = 2 ** 20
/** Making millions of bytes takes longer than loading them. */
const patterns = new Map<string, Uint8Array>()
function pattern(length: number, seed: number): Uint8Array {
  const made = patterns.get(`${length} ${seed}`) ?? makePattern(length, seed)
  patterns.set(`${length} ${seed}`, made)
  return made
}
const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const fileWith = (name: string, bytes: number, seed: number): Uint8Array =>
  concat(encodeSafetensors([{ name, dtype: 'U8', shape: [bytes], data: pattern(bytes, seed) }]))

/** Two shards whose tensors make three reads, and a shard that nobody needs. */
function repository(seed = 1): Record<string, Uint8Array> {
  const weight_map = { a: 'one.safetensors', b: 'two.safetensors', other: 'three.safetensors' }
  return {
    '/m/config.json': text({ model_type: 'siglip' }),
    '/m/model.safetensors.index.json': text({ weight_map }),
    '/m/one.safetensors': fileWith('a', 9 * MiB, seed),
    '/m/two.safetensors': fileWith('b', 1 * MiB, seed + 1),
    '/m/three.safetensors': fileWith('other', 1000, 3),
  }
}

let server: Server
let folder: string
/** What the server answers with; tests replace it. */
let handler: Handler

beforeEach(async () => {
  handler = files(repository())
  server = await serve((request, response) => handler(request, response))
  folder = await mkdtemp(`${tmpdir()}/sovit-cache-`)
})
afterEach(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

interface Loaded {
  readonly a: Uint8Array
  readonly b: Uint8Array
  readonly fetched: number
  readonly cached: number
  readonly failures: readonly string[]
}

async function load(cache: CacheOption, options: LocateOptions = {}): Promise<Loaded> {
  const failures: string[] = []
  const onCacheFailure = (message: string): void => void failures.push(message)
  const checkpoint = await openCheckpoint(`${server.url}/m/`, { cache, onCacheFailure, ...options })
  try {
    const got: Record<string, Uint8Array[]> = { a: [], b: [] }
    const tensors = await checkpoint.describe(['a', 'b'], options.signal)
    await checkpoint.stream(
      tensors.values(),
      ({ tensor, bytes }) => void got[tensor.name]?.push(bytes.slice()),
      options,
    )
    const { fetchedBytes: fetched, cachedBytes: cached } = checkpoint
    return { a: concat(got.a ?? []), b: concat(got.b ?? []), fetched, cached, failures }
  } finally {
    await checkpoint.close()
  }
}

function expectWeights({ a, b }: Loaded, seed = 1): void {
  expect(Buffer.compare(a, pattern(9 * MiB, seed))).toBe(0)
  expect(Buffer.compare(b, pattern(1 * MiB, seed + 1))).toBe(0)
}

/** Requests since the last call, other than those for one byte that ask what a file is. */
function requests(): string[] {
  return server.log.splice(0).filter((line) => !line.endsWith(' bytes=0-0'))
}

/** Chunk files of the folder; records, which say what a file is, are left out. */
async function chunks(): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.filter((name) => /\d+-\d+$/.test(name)).map((name) => `${folder}/${name}`)
}

const stores: [string, () => CacheOption][] = [
  ['a folder', () => folder],
  ["a caller's object", () => new MemoryCache()],
]

it('a kept chunk has the SHA-256 of its pieces before it, as one SHA-256', async () => {
  await load(folder)
  const whole = Buffer.from(pattern(1 * MiB, 2))
  const hash = sha256(sha256(whole.subarray(0, PIECE)) + sha256(whole.subarray(PIECE)))
  const kept = await Promise.all((await chunks()).map((path) => readFile(path)))
  expect(kept.filter((file) => file.equals(Buffer.concat([Buffer.from(hash), whole])))).toHaveLength(1)
})

describe.each(stores)('in %s', (_, make) => {
  it('a second load asks for nothing but what the files are', async () => {
    const cache = make()
    const first = await load(cache)
    expectWeights(first)
    expect(first).toMatchObject({ cached: 0, failures: [] })
    expect(requests()).not.toEqual([])
    const second = await load(cache)
    expectWeights(second)
    expect(second).toMatchObject({ fetched: 0, cached: first.fetched, failures: [] })
    expect(requests()).toEqual([])
  })

  it('a load without network works, also where files are missing that it looked for', async () => {
    const cache = make()
    await load(cache)
    const fetch = () => Promise.reject(new TypeError('offline'))
    const offline = await load(cache, { fetch })
    expectWeights(offline)
    expect(offline).toMatchObject({ fetched: 0, failures: [] })
    await expectError(load(new MemoryCache(), { fetch }), 'NETWORK')
  })

  it('two loads at once get the same, and leave what a third can use', async () => {
    const cache = make()
    for (const one of await Promise.all([load(cache), load(cache)])) expectWeights(one)
    requests()
    expectWeights(await load(cache))
    expect(requests()).toEqual([])
  })
})

it.each(Array.from({ length: 20 }, (_, seed) => seed))('resumes after an abort at random moment %i', async (seed) => {
  const stop = new AbortController()
  const after = pattern(4, seed).reduce((sum, byte) => sum * 256 + byte, 0) % (9 * MiB)
  let sent = 0
  // Slowly, in small pieces, so that the abort falls into the middle of a chunk as often as between two.
  const repo = repository()
  handler = (request, response) => {
    const write = response.write.bind(response)
    const bytes = repo[request.url ?? '']
    if (!bytes) return void response.writeHead(404).end()
    const [, from = 0, to = 0] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
    const [begin, end] = [Number(from), Math.min(Number(to) + 1, bytes.length)]
    const range = `bytes ${begin}-${end - 1}/${bytes.length}`
    response.writeHead(206, { 'content-range': range, 'content-length': end - begin })
    const step = (at: number): void => {
      if (at >= end) return void response.end()
      const piece = bytes.subarray(at, Math.min(end, at + 256 * 1024))
      sent += piece.length
      if (sent >= after) stop.abort()
      write(piece, () => step(at + piece.length))
    }
    step(begin)
  }
  await expectError(load(folder, { signal: stop.signal }), 'ABORTED')
  const kept = (await chunks()).map((path) => /([\w.]+)~.*\.(\d+-\d+)$/.exec(path)?.slice(1).join(' '))
  requests()
  handler = files(repo)
  const resumed = await load(folder)
  expectWeights(resumed)
  expect(resumed.failures).toEqual([])
  const asked = requests().map((line) => {
    const [, file = '', begin = '', last = ''] = /([\w.]+) bytes=(\d+)-(\d+)$/.exec(line) ?? []
    return `2F${file} ${begin}-${Number(last) + 1}`
  })
  expect(asked.length).toBeGreaterThan(0)
  expect(asked.filter((chunk) => kept.includes(chunk))).toEqual([])
  expect(resumed.cached + resumed.fetched).toBeGreaterThanOrEqual(10 * MiB)
})

describe('is never wrong', () => {
  it.each([
    ['a flipped bit', (bytes: Uint8Array) => bytes.with(bytes.length - 9, (bytes.at(-9) ?? 0) ^ 1)],
    ['a cut end', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1)],
    ['an empty file', () => new Uint8Array(0)],
    ['another hash', (bytes: Uint8Array) => bytes.with(0, 0x78)],
  ])('%s in any chunk is fetched again, and replaced', async (_, damage) => {
    await load(folder)
    for (const path of await chunks()) {
      const good = await readFile(path)
      await writeFile(path, damage(good))
      requests()
      expectWeights(await load(folder))
      expect(requests().length).toBeGreaterThan(0)
      expect(Buffer.compare(await readFile(path), good)).toBe(0)
    }
  })

  it('a changed size is another file, and what was kept of the old one goes', async () => {
    await load(folder)
    const before = await chunks()
    const changed = { ...repository(), '/m/two.safetensors': concat([fileWith('b', 1 * MiB + 8, 9)]) }
    handler = files(changed)
    const { b } = await load(folder)
    expect(Buffer.compare(b, pattern(1 * MiB + 8, 9))).toBe(0)
    const after = await chunks()
    const gone = before.filter((path) => !after.includes(path))
    expect(gone.length).toBeGreaterThan(0)
    expect(gone.every((path) => path.includes('two.safetensors'))).toBe(true)
  })

  /** A file that the server says has this version, in a repository whose commit is named or not. */
  const versioned = async (cache: CacheOption, seed: number, version: string | null, at = 'main') => {
    const source = { ...memorySource(pattern(100, seed), 'x'), version: () => Promise.resolve(version) }
    const wrap = await openCache(cache, { bytes: 0, cached: 0 }, {})
    return wrap(source, new URL(`https://hub.invalid/o/r/resolve/${at}/x`))
  }

  it('a changed version of the same size is another file', async () => {
    const cache = new MemoryCache()
    for (const [seed, version] of [
      [1, '"1"'],
      [2, '"2"'],
      [3, null],
    ] as const) {
      // prettier-ignore
      expect(await (await versioned(cache, seed, version)).read(0, 100)).toEqual(pattern(100, seed))
      // What was kept of the version before is gone: a record and a chunk are left.
      expect(cache.entries.size).toBe(2)
    }
    expect(await (await versioned(cache, 4, null)).read(0, 100)).toEqual(pattern(100, 3))
  })

  it('new bytes are never put beside kept ones of another version', async () => {
    const cache = new MemoryCache()
    const commit = 'a'.repeat(40)
    await (await versioned(cache, 1, '"1"', commit)).read(0, 50)
    // A commit's files are not asked about, until something of them is missing.
    const file = await versioned(cache, 2, '"2"', commit)
    expect(await file.read(0, 50)).toEqual(pattern(100, 1).subarray(0, 50))
    await expectError(file.read(50, 100), 'TRUNCATED', 'changed')
    expect(await (await versioned(cache, 2, '"2"', commit)).read(0, 50)).toEqual(pattern(100, 2).subarray(0, 50))
  })

  it('a query makes another file, and is not written down', async () => {
    handler = (request, response) => {
      const [path = '', query] = (request.url ?? '').split('?')
      request.url = path
      files({ '/x': fileWith('t', 100, query === 'secret=1' ? 1 : 2) })(request, response)
    }
    for (const [query, seed] of [
      ['secret=1', 1],
      ['secret=2', 2],
    ] as const) {
      // prettier-ignore
      const checkpoint = await openCheckpoint(`${server.url}/x?${query}`, { cache: folder })
      const got: Uint8Array[] = []
      const tensors = await checkpoint.describe(['t'])
      await checkpoint.stream(tensors.values(), ({ bytes }) => void got.push(bytes.slice()))
      expect(concat(got)).toEqual(pattern(100, seed))
    }
    expect((await readdir(folder, { recursive: true })).join()).not.toContain('secret')
  })
})

describe('is never in the way', () => {
  const failing = (how: Partial<WeightCache>): WeightCache => Object.assign(new MemoryCache(), how)
  const quota = () => Promise.reject(new DOMException('The quota has been exceeded.', 'QuotaExceededError'))

  it.each<[string, () => CacheOption, string]>([
    ['a full store', () => failing({ put: quota }), 'quota'],
    [
      'a store that fails to read',
      () => failing({ match: () => Promise.reject(new Error('no reading')) }),
      'no reading',
    ],
    ['a folder that cannot be made', () => '/dev/null/x', 'ENOTDIR'],
  ])('%s: said once, and loaded from the network', async (_, make, words) => {
    const cache = make()
    for (let i = 0; i < 2; i++) {
      const loaded = await load(cache)
      expectWeights(loaded)
      expect(loaded.failures).toHaveLength(1)
      expect(loaded.failures[0]).toContain(words)
    }
  })

  it('a store that fills up in the middle keeps what it has', async () => {
    const cache = new MemoryCache()
    const put = cache.put.bind(cache)
    let room = 9 * MiB
    cache.put = async (key, response) => {
      room -= (await response.clone().arrayBuffer()).byteLength
      return room < 0 ? quota() : put(key, response)
    }
    const first = await load(cache)
    expect(first.failures).toHaveLength(1)
    const second = await load(cache)
    expectWeights(second)
    expect(second.cached).toBeGreaterThanOrEqual(MiB)
    expect(second.cached + second.fetched).toBe(first.fetched)
  })
})

it('keeps nothing without being asked, and nothing of local files', async () => {
  await load(false)
  const bytes = fileWith('t', 100, 1)
  await writeFile(`${folder}/m.safetensors`, bytes)
  for (const source of [bytes, new Blob([new Uint8Array(bytes)]), `${folder}/m.safetensors`]) {
    await (await openCheckpoint(source, { cache: folder })).close()
  }
  expect(await readdir(folder)).toEqual(['m.safetensors'])
})

it('fetches no byte that was not asked for', async () => {
  const { fetched } = await load(folder)
  const { fetched: without } = await load(false)
  expect(fetched).toBe(without)
  const sizes = await Promise.all((await chunks()).map(async (path) => (await stat(path)).size - 64))
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(fetched)
})
