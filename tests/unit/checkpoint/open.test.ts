import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { openCheckpoint } from '../../../src/checkpoint/open.js'
import { openFile } from '../../../src/checkpoint/opened.js'
import { encodeSafetensors } from '../../../src/checkpoint/safetensors-write.js'
import type { Checkpoint } from '../../../src/checkpoint/types.js'
import type { ModelSource } from '../../../src/encoder/types.js'
import { concat, expectError, fileOf, pattern } from './safetensors-cases.js'
import { files, serve, type Server } from './server.js'

const a = pattern(24, 1)
const b = pattern(10, 2)
const tensor = (name: string, data: Uint8Array) => ({ name, dtype: 'U8' as const, shape: [data.length], data })
const single = concat(
  encodeSafetensors([tensor('a', a), tensor('b', b), tensor('big', pattern(9000))], { made: 'here' }),
)
const shards = { 'one.safetensors': concat(encodeSafetensors([tensor('a', a)])), 'two.safetensors': concat(encodeSafetensors([tensor('b', b)])) } // prettier-ignore
const text = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const index = { metadata: { total_size: 34 }, weight_map: { a: 'one.safetensors', b: 'two.safetensors' } }
const config = { model_type: 'siglip' }

const singleFolder = { 'model.safetensors': single, 'config.json': text(config) }
const shardFolder = { ...shards, 'model.safetensors.index.json': text(index), 'config.json': text(config) }

async function contents(checkpoint: Checkpoint, names: readonly string[]): Promise<Record<string, Uint8Array>> {
  const got: Record<string, Uint8Array> = {}
  await checkpoint.stream((await checkpoint.describe(names)).values(), ({ tensor: { name }, bytes }) => {
    got[name] = concat([got[name] ?? new Uint8Array(0), bytes])
  })
  await checkpoint.close()
  return got
}

const asFiles = (folder: Readonly<Record<string, Uint8Array>>): File[] =>
  Object.entries(folder).map(([name, bytes]) => new File([new Uint8Array(bytes)], name))

/** As browsers make it; Node has none. */
function fileList(files: readonly File[]): FileList {
  const list = {
    ...Object.fromEntries(files.entries()),
    length: files.length,
    [Symbol.iterator]: () => files.values(),
    item: (i: number) => files[i],
  }
  return Object.defineProperty(list, Symbol.toStringTag, { value: 'FileList' }) as unknown as FileList
}

/** A file as folder pickers give it. Where it must not be read, reading it throws. */
function fileAt(path: string, bytes: Uint8Array | null): File {
  const file = new File([new Uint8Array(bytes ?? [])], path.split('/').at(-1) ?? path)
  if (!bytes) {
    file.slice = () => {
      throw new Error(`${path} was read`)
    }
  }
  return Object.defineProperty(file, 'webkitRelativePath', { value: path })
}

let root: string
let server: Server | undefined

beforeAll(async () => {
  root = await mkdtemp(`${tmpdir()}/sovit-`)
  const folders: Record<string, Record<string, Uint8Array>> = { single: singleFolder, shards: shardFolder, empty: {} }
  for (const [folder, content] of Object.entries(folders)) {
    await mkdir(`${root}/${folder}`)
    for (const [name, bytes] of Object.entries(content)) await writeFile(`${root}/${folder}/${name}`, bytes)
  }
})
afterAll(() => rm(root, { recursive: true }))
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function serveFolder(folder: Readonly<Record<string, Uint8Array>>): Promise<string> {
  server = await serve(files(Object.fromEntries(Object.entries(folder).map(([name, bytes]) => [`/m/${name}`, bytes]))))
  return `${server.url}/m/`
}

describe('every kind of source', () => {
  const cases: [string, () => ModelSource | Promise<ModelSource>, object | null][] = [
    ['a path', () => `${root}/single/model.safetensors`, config],
    ['a folder', () => `${root}/single`, config],
    ['a sharded folder', () => `${root}/shards`, config],
    ['the index of a sharded folder', () => `${root}/shards/model.safetensors.index.json`, config],
    ['a file: URL', () => pathToFileURL(`${root}/single/model.safetensors`), config],
    ['an address', async () => `${await serveFolder(singleFolder)}model.safetensors`, config],
    ['an address without config.json', async () => `${await serveFolder({ x: single })}x`, null],
    ['a folder address', async () => new URL(await serveFolder(singleFolder)), config],
    ['a sharded folder address', () => serveFolder(shardFolder), config],
    ['the address of an index', async () => `${await serveFolder(shardFolder)}model.safetensors.index.json`, config],
    ['a Blob', () => new Blob([new Uint8Array(single)]), null],
    ['a File', () => new File([new Uint8Array(single)], 'm.safetensors'), null],
    ['files of a folder', () => asFiles(singleFolder), config],
    ['files of a sharded folder', () => asFiles(shardFolder), config],
    ['a list of a file input', () => fileList(asFiles(shardFolder)), config],
    ['one weights file of any name', () => asFiles({ 'x.safetensors': single }), null],
    ['an ArrayBuffer', () => new Uint8Array(single).buffer, null],
    ['a Uint8Array inside a larger one', () => concat([b, single]).subarray(b.length), null],
  ]
  it.each(cases)('%s', async (_, source, expectedConfig) => {
    const checkpoint = await openCheckpoint(await source())
    expect(checkpoint.config).toEqual(expectedConfig)
    expect(checkpoint.names).toEqual(expect.arrayContaining(['a', 'b']))
    expect(await contents(checkpoint, ['b', 'a'])).toEqual({ a, b })
  })

  it('a repository of the hub, at a revision', async () => {
    const asked: string[] = []
    const hub: typeof fetch = (input) => {
      asked.push(new Request(input).url)
      return Promise.resolve(new Response('', { status: 404 }))
    }
    for (const [source, revision] of [
      ['o/r', undefined],
      ['hf:o/r@v1/x', undefined],
      ['o/r', 'abc'],
    ] as const) {
      // prettier-ignore
      await expectError(openCheckpoint(source, { fetch: hub, revision }), 'NOT_FOUND', source, 'model.safetensors')
    }
    const base = 'https://huggingface.co/o/r/resolve'
    const names = ['config.json', 'model.safetensors', 'model.safetensors.index.json']
    expect(asked).toEqual(['main', 'v1%2Fx', 'abc'].flatMap((rev) => names.map((name) => `${base}/${rev}/${name}`)))
    await expectError(openCheckpoint('o/r@x', { fetch: hub, revision: 'y' }), 'BAD_OPTION', 'revision')
  })

  it('shows HF_TOKEN to HF_ENDPOINT, when no fetch is given', async () => {
    const shown = new Set<string>()
    const server = await serve((request, response) => {
      shown.add(`${request.headers.host?.split(':')[0]}: ${request.headers.authorization}`)
      response.writeHead(401).end()
    })
    vi.stubEnv('HF_TOKEN', 'secret')
    vi.stubEnv('HF_ENDPOINT', server.url)
    try {
      await expectError(openCheckpoint('o/r'), 'ACCESS_DENIED', 'HF_TOKEN')
      await expectError(openCheckpoint(`${server.url.replace('127.0.0.1', 'localhost')}/o/r/`), 'ACCESS_DENIED')
      expect([...shown]).toEqual(['127.0.0.1: Bearer secret', 'localhost: undefined'])
    } finally {
      vi.unstubAllEnvs()
      await server.close()
    }
  })

  it.each(['https://mirror.example/hf', 'https://mirror.example/hf/'])('of another hub, %s', async (hubUrl) => {
    const asked: string[] = []
    const mirror = (input: unknown): Promise<Response> => {
      asked.push(String(input))
      return Promise.resolve(new Response('no', { status: 404 }))
    }
    await expectError(openCheckpoint('o/r', { fetch: mirror, hubUrl }), 'NOT_FOUND')
    expect(asked[0]).toBe('https://mirror.example/hf/o/r/resolve/main/config.json')
    await expectError(openCheckpoint('o/r', { fetch: mirror, hubUrl: 'nonsense' }), 'BAD_OPTION')
  })
})

describe('what is read', () => {
  it('of a file: header, config.json and the tensors asked for, counted', async () => {
    const checkpoint = await openCheckpoint(await serveFolder(singleFolder))
    expect(checkpoint.metadata.get('made')).toBe('here')
    const before = checkpoint.fetchedBytes
    expect(before).toBe(single.length + text(config).length)
    await contents(checkpoint, ['a', 'b'])
    expect(checkpoint.fetchedBytes - before).toBe(a.length + b.length)
  })

  it('of a folder: config.json while weights are looked for', async () => {
    const answer = files(Object.fromEntries(Object.entries(shardFolder).map(([name, bytes]) => [`/m/${name}`, bytes])))
    let tell: (() => void) | undefined
    const indexIsRead = new Promise<void>((resolve) => (tell = resolve))
    server = await serve((request, response) => {
      const isConfig = request.url?.endsWith('config.json')
      if (request.url?.endsWith('index.json')) response.on('finish', () => tell?.())
      // Whoever waits for it before he asks for others waits for ever.
      if (isConfig) void indexIsRead.then(() => answer(request, response))
      else answer(request, response)
    })
    expect((await openCheckpoint(`${server.url}/m/`)).config).toEqual(config)
  })

  it('of a file that records its config: nothing beside it', async () => {
    const own = concat(encodeSafetensors([tensor('a', a)], { 'sovit.config': '{}' }))
    const checkpoint = await openCheckpoint(`${await serveFolder({ 'a.safetensors': own })}a.safetensors`)
    expect(checkpoint.config).toBeNull()
    expect(server?.log.filter((line) => line.includes('config.json'))).toEqual([])
  })

  it('of shards: only those that hold what is asked for', async () => {
    const checkpoint = await openCheckpoint(await serveFolder(shardFolder))
    expect(await contents(checkpoint, ['b'])).toEqual({ b })
    expect(server?.log.filter((line) => line.includes('one.safetensors'))).toEqual([])
  })
})

describe('a folder that was picked', () => {
  const at = (folder: string, content: Readonly<Record<string, Uint8Array>>): File[] =>
    Object.entries(content).map(([name, bytes]) => fileAt(`${folder}/${name}`, bytes))
  const unread = (folder: string): File[] =>
    Object.keys({ ...singleFolder, ...shardFolder }).map((name) => fileAt(`${folder}/${name}`, null))

  it('of the same names in several folders, those nearest to the top count', async () => {
    const files = [...unread('m/a/b'), ...unread('m/old'), ...at('m', shardFolder), ...unread('m/z')]
    const checkpoint = await openCheckpoint(fileList(files))
    expect(checkpoint).toMatchObject({ source: 'm', config })
    expect(await contents(checkpoint, ['b', 'a'])).toEqual({ a, b })
  })

  it('files beside the checkpoint, and above it, are not read', async () => {
    const others = ['m/README.md', 'm/config.json', 'm/s/pytorch_model.bin', 'm/s/tokenizer.json', 'm/.git/config']
    const files = [...others.map((path) => fileAt(path, null)), ...at('m/s', singleFolder)]
    const checkpoint = await openCheckpoint(files)
    expect(checkpoint).toMatchObject({ source: 'm/s', config })
    expect(await contents(checkpoint, ['b', 'a'])).toEqual({ a, b })
  })

  it('files of two folders make no checkpoint', async () => {
    const { 'config.json': _, 'two.safetensors': two, ...others } = shardFolder
    const checkpoint = await openCheckpoint([...at('m', others), ...at('m/s', { 'two.safetensors': two })])
    expect(checkpoint.config).toBe(null)
    await expectError(checkpoint.describe(['b']), 'NOT_FOUND', 'two.safetensors')
  })

  it('without a checkpoint', async () => {
    const files = ['m/a.png', 'm/b.safetensors', 'm/c.safetensors'].map((path) => fileAt(path, null))
    await expectError(openCheckpoint(files), 'NOT_FOUND', 'model.safetensors')
  })
})

describe('bad input', () => {
  it('18: a tensor that is not there, with the nearest names', async () => {
    const checkpoint = await openCheckpoint(single)
    await expectError(checkpoint.describe(['bigg']), 'TENSOR_MISSING', '"bigg"', '"big"', 3)
  })

  it.each([
    ['./nowhere.safetensors', 'NOT_FOUND'],
    ['/nowhere/at/all', 'NOT_FOUND'],
    ['model.safetensors', 'BAD_OPTION'],
    ['folder/model.safetensors', 'BAD_OPTION'],
    ['', 'BAD_OPTION'],
    ['a/b/c', 'BAD_OPTION'],
    ['http://', 'BAD_OPTION'],
  ] as const)('%j: %s', async (source, code) => {
    await expectError(openCheckpoint(source), code, source)
  })

  it('other addresses, other types, empty folders', async () => {
    await expectError(openCheckpoint(new URL('ftp://host/x')), 'BAD_OPTION', 'ftp:')
    await expectError(openCheckpoint(7 as unknown as string), 'BAD_OPTION', 'number')
    await expectError(openCheckpoint(`${root}/empty`), 'NOT_FOUND', 'model.safetensors')
    await expectError(openCheckpoint([]), 'NOT_FOUND', 'model.safetensors')
  })

  it('config.json that is no JSON object', async () => {
    for (const bad of ['{', '[]', 'null']) {
      const source = asFiles({ ...singleFolder, 'config.json': text(bad) })
      await expectError(openCheckpoint(source), 'BAD_CONFIG', 'config.json')
    }
  })

  it('an aborted signal', async () => {
    const signal = AbortSignal.abort('no')
    for (const source of [`${root}/single`, new Blob([new Uint8Array(single)]), await serveFolder(singleFolder)]) {
      await expectError(openCheckpoint(source, { signal }), 'ABORTED')
    }
  })

  it('a file cut off after its header was read', async () => {
    const path = `${root}/cut.safetensors`
    await writeFile(path, single)
    const checkpoint = await openCheckpoint(path)
    const tensors = await checkpoint.describe(['big'])
    await writeFile(path, single.subarray(0, single.length - 100))
    await expectError(
      checkpoint.stream(tensors.values(), () => undefined),
      'TRUNCATED',
      path,
    )
    await checkpoint.close()
  })
})

it('a file without tensors is closed like any other', async () => {
  const close = vi.fn()
  const bytes = concat(encodeSafetensors([]))
  const read = (begin: number, end: number) => Promise.resolve(bytes.slice(begin, end))
  const source = { name: 'empty.safetensors', size: () => Promise.resolve(bytes.length), read, close }
  const none = () => Promise.resolve(null)
  const checkpoint = await openFile('empty', none, source, { bytes: 0, cached: 0 }, undefined)
  expect(checkpoint.names).toEqual([])
  expect(close).not.toHaveBeenCalled()
  await checkpoint.close()
  expect(close).toHaveBeenCalledOnce()
})

describe('broken indices', () => {
  const open = (value: unknown, others: Readonly<Record<string, Uint8Array>> = shards): Promise<Checkpoint> =>
    openCheckpoint(asFiles({ ...others, 'model.safetensors.index.json': text(value) }))

  it.each([
    ['no JSON', '{', 'not JSON'],
    ['no weight_map', {}, 'weight_map'],
    ['a weight_map that is no map', { weight_map: ['one.safetensors'] }, 'weight_map'],
    ['an empty weight_map', { weight_map: {} }, 'empty'],
    ['a file that is no string', { weight_map: { a: 1 } }, '"a"'],
    ['a name twice', '{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}', 'twice'],
    ['too many files', { weight_map: Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [i, `${i}.safetensors`])) }, '10001'], // prettier-ignore
  ])('%s', async (_, value, word) => {
    await expectError(open(value), 'BAD_INDEX', 'model.safetensors.index.json', word)
  })

  it.each(['../one.safetensors', '/etc/x.safetensors', 'http://h/x.safetensors', 'C:\\x.safetensors', 'a/../x.safetensors', '..', '.safetensors', 'x.safetensors?y', '%2e%2e.safetensors', 'one.bin', 'one.safetensors\n'])(
    'the unsafe file name %j',
    async (name) => {
    await expectError(open({ weight_map: { a: name } }), 'BAD_INDEX', JSON.stringify(name))
  },
  ) // prettier-ignore

  it('a shard that is missing: NOT_FOUND', async () => {
    const checkpoint = await open({ weight_map: { a: 'three.safetensors' } })
    await expectError(checkpoint.describe(['a']), 'NOT_FOUND', 'three.safetensors')
  })

  it('a shard without the tensor', async () => {
    const checkpoint = await open({ weight_map: { a: 'two.safetensors' } })
    await expectError(checkpoint.describe(['a']), 'BAD_INDEX', 'two.safetensors', 'a')
  })

  it('a broken shard', async () => {
    const checkpoint = await open({ weight_map: { a: 'x.safetensors' } }, { 'x.safetensors': fileOf('{}', 3) })
    await expectError(checkpoint.describe(['a']), 'BAD_SAFETENSORS', 'x.safetensors')
  })
})
