import { describe, expect, it } from 'vitest'
import { hubFetch } from '../../../src/checkpoint/hub.js'
import { filesOf, modelRef } from '../../../src/cli/model-ref.js'

const ENV = {}

const hrefOf = (name: string | undefined): string | undefined => {
  const { source } = modelRef(name, ENV)
  return source instanceof URL ? source.href : undefined
}

describe('modelRef', () => {
  it('takes the built-in model by default', () => {
    expect(hrefOf(undefined)).toMatch(/^file:.*\/weights\/nano\/sovit-nano\.safetensors$/)
  })

  it('takes an existing file or folder before anything else', () => {
    expect(hrefOf('weights/nano/config.json')).toMatch(/^file:.*\/weights\/nano\/config\.json$/)
    expect(hrefOf('tests/fixtures')).toMatch(/^file:.*\/tests\/fixtures\/$/)
  })

  it.each([
    ['owner/repo', 'owner/repo', 'main'],
    ['hf:owner/repo', 'owner/repo', 'main'],
    ['hf:owner/repo@v1.0', 'owner/repo', 'v1.0'],
  ])('reads %s as a repository of the hub', (name, repo, revision) => {
    expect(modelRef(name, ENV).source).toEqual({ repo, revision })
  })

  it('reads addresses', () => {
    expect(modelRef('https://example.com/a/', ENV).source).toEqual(new URL('https://example.com/a/'))
  })

  it.each(['missing.safetensors', 'folder/missing.safetensors', './missing', '/no/such/folder', 'http://', 'hf:owner'])(
    'finds no %s',
    (name) => expect(() => modelRef(name, ENV)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' })),
  )
})

it.each([
  ['https://example.com/a/b.safetensors?key=1', 'https://example.com/a/', 'b.safetensors', '?key=1'],
  ['https://example.com/a/', 'https://example.com/a/', '', ''],
  ['https://example.com/', 'https://example.com/', '', ''],
  ['https://example.com/b.safetensors', 'https://example.com/', 'b.safetensors', ''],
  ['owner/repo', 'https://huggingface.co/owner/repo/resolve/main/', '', ''],
])('files of %s lie in %s', (name, base, file, search) => {
  expect(filesOf(modelRef(name, ENV))).toEqual({ base: new URL(base), file, search })
})

describe('hubFetch', () => {
  const asked = async (env: Parameters<typeof hubFetch>[0], url: string) => {
    const calls: { url: string; token: string | null }[] = []
    const send: typeof fetch = (input, init) => {
      calls.push({
        url: input instanceof Request ? input.url : input.toString(),
        token: new Headers(init?.headers).get('authorization'),
      })
      return Promise.resolve(new Response())
    }
    await hubFetch(env, send)(url)
    return calls
  }

  it('shows the token to the hub and its replacement, and to nobody else', async () => {
    const env = { HF_TOKEN: 'secret', HF_ENDPOINT: 'https://mirror.example/hub/' }
    expect(await asked(env, 'https://huggingface.co/o/r/resolve/main/config.json')).toEqual([
      { url: 'https://mirror.example/hub/o/r/resolve/main/config.json', token: 'Bearer secret' },
    ])
    expect(await asked(env, 'https://mirror.example/hub/x')).toMatchObject([{ token: 'Bearer secret' }])
    for (const url of [
      'https://mirror.example/other',
      'https://huggingface.co.evil.example/',
      'http://huggingface.co/',
    ]) {
      expect(await asked(env, url)).toEqual([{ url, token: null }])
    }
  })

  it('sends no header without a token', async () => {
    expect(await asked({}, 'https://huggingface.co/x')).toEqual([{ url: 'https://huggingface.co/x', token: null }])
  })
})
