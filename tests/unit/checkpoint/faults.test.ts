/**
 * What servers do wrong, as a table: each fault ends in the same bytes or in a named error, within a bounded number of
 * requests, and never hangs (the lane's time limit would tell).
 *
 * A flipped byte of the header is found by the rules of the format when it matters. One of a tensor needs the hashes of a
 * manifest, by which these loads check what they get.
 */
import fc from 'fast-check'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { checkOf } from '../../../src/checkpoint/manifest.js'
import { openCheckpoint } from '../../../src/checkpoint/open.js'
import type { WeightManifest } from '../../../src/checkpoint/types.js'
import type { SovitError, SovitErrorCode } from '../../../src/errors.js'
import { entry, expectError, fileOf, pattern, PIECE, sha256 } from './safetensors-cases.js'
import { seeded } from './seed.js'
import { CLIENTS, files, hurried, rangeOf, serve, type Handler, type Server } from './server.js'

const MiB = 2 ** 20
const weights = pattern(10 * MiB)
const header = fileOf(`{${entry('w', 'U8', [weights.length], 0, weights.length)}}`)
const shard = Uint8Array.from([...header, ...weights])
const index = new TextEncoder().encode('{"weight_map":{"w":"two.safetensors","other":"one.safetensors"}}')
const repository = { '/model.safetensors.index.json': index, '/two.safetensors': shard, '/signed': shard }
const tags = { etag: '"1"', 'last-modified': 'Mon, 01 Jun 2026 00:00:00 GMT' }
const good = files(repository, tags)

let server: Server | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

/** Loads `w` from a server that answers requests for the shard by these handlers in turn, then by the last. */
async function load(
  handlers: readonly Handler[],
  fetch?: typeof globalThis.fetch,
  idleMs?: number,
): Promise<Uint8Array> {
  let asked = 0
  server = await serve((request, response) => {
    if (request.url === '/expired') return void response.writeHead(403).end('no')
    const faulty = request.url === '/two.safetensors' ? handlers[Math.min(asked++, handlers.length - 1)] : null
    ;(faulty ?? good)(request, response)
  })
  const checkpoint = await openCheckpoint(`${server.url}/`, { fetch, ...hurried(idleMs) })
  try {
    const tensors = await checkpoint.describe(['w'])
    const got = new Uint8Array(weights.length)
    const check = checkOf(manifest, tensors)
    await checkpoint.stream(tensors.values(), ({ offset, bytes }) => got.set(bytes, offset), { check })
    return got
  } finally {
    await checkpoint.close()
  }
}

const same = (got: Uint8Array): boolean => Buffer.from(got).equals(weights)

/** A range as it should be, with these headers besides. */
const withHeaders = (headers: Record<string, string | undefined>): Handler => files(repository, { ...tags, ...headers })

const status =
  (code: number, headers: Record<string, string> = {}): Handler =>
  (_request, response) =>
    void response.writeHead(code, headers).end('no')

/** The head of a range's answer and its first `length` bytes; then whatever `end` does. */
const start =
  (length: number, end: (response: ServerResponse) => void, framed = true): Handler =>
  (request, response) => {
    const { begin, end: stop } = rangeOf(request, shard.length) ?? { begin: 0, end: 0 }
    const size = framed ? { 'content-length': stop - begin } : {}
    response.writeHead(206, { ...tags, 'content-range': `bytes ${begin}-${stop - 1}/${shard.length}`, ...size })
    response.write(shard.subarray(begin, Math.min(stop, begin + length)), () => setTimeout(() => end(response), 5))
  }

const resets = start(1000, (response) => response.destroy())
const stalls = start(1000, () => undefined)
const truncates = start(1000, (response) => response.end(), false)
const whole: Handler = (_request, response) =>
  void response.writeHead(200, { ...tags, 'content-length': shard.length }).end(shard)
const endless: Handler = start(Infinity, (response) => response.end(Buffer.alloc(100)), false)
const shifted: Handler = (request, response) => {
  const { begin, end } = rangeOf(request, shard.length) ?? { begin: 0, end: 0 }
  withHeaders({ 'content-range': `bytes ${begin + 1}-${end}/${shard.length}` })(request, response)
}
const redirects =
  (location: string): Handler =>
  (_request, response) =>
    void response.writeHead(302, { location }).end()
const zipped = gzipSync(shard)
const gzips: Handler = (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped)
const brokenHeader = Uint8Array.from(shard)
brokenHeader[12] = 0xff
const brokenWeight = Uint8Array.from(shard)
brokenWeight[header.length + 3 * MiB] = ~(shard[header.length + 3 * MiB] ?? 0) // of the first read
const flips = files({ '/two.safetensors': brokenWeight }, tags)
const hashes = Array.from({ length: 20 }, (_, i) => sha256(weights.subarray(i * PIECE, (i + 1) * PIECE)))
const manifest: WeightManifest = { format: 'sovit-manifest-1', pieceBytes: PIECE, tensors: { w: hashes } }

/** Faults of the shard from its first request on (`at: 0`), from that for its header (1), or for its weights (2). */
interface Case {
  readonly name: string
  readonly at: 0 | 1 | 2
  readonly faults: readonly Handler[]
  readonly ends: 'same bytes' | SovitErrorCode
  /** Requests for the shard, at most. Both reads of its weights are in flight when the first of them fails. */
  readonly most: number
  /** Answers are suddenly framed in another way: Node's own client asks once more, by node:http, in each of the two reads. */
  readonly reframed?: boolean
  readonly words?: readonly (string | number)[]
  readonly idleMs?: number
}

const CASES: readonly Case[] = [
  { name: 'no fault', at: 0, faults: [good], ends: 'same bytes', most: 4 },
  { name: 'ignores Range', at: 0, faults: [whole], ends: 'same bytes', most: 3 },
  { name: 'ignores Range midway', at: 2, faults: [whole], ends: 'NETWORK', most: 4, words: ['Range', 200] },
  { name: 'truncates once', at: 2, faults: [truncates, good], ends: 'same bytes', most: 5 },
  { name: 'truncates always', at: 2, faults: [truncates], ends: 'TRUNCATED', most: 8, reframed: true, words: ['cut off'] },
  { name: 'stalls twice', at: 2, faults: [stalls, stalls, good], ends: 'same bytes', most: 6, idleMs: 250 },
  { name: 'stalls always', at: 2, faults: [stalls], ends: 'NETWORK', most: 8, words: ['no byte'], idleMs: 250 },
  { name: 'resets twice', at: 2, faults: [resets, resets, good], ends: 'same bytes', most: 6 },
  { name: 'resets always', at: 2, faults: [resets], ends: 'NETWORK', most: 8, words: ['3 tries'] },
  { name: 'resets at once', at: 0, faults: [(request) => request.destroy()], ends: 'NETWORK', most: 3 },
  { name: 'flips a byte of the header', at: 1, faults: [files({ '/two.safetensors': brokenHeader })], ends: 'BAD_SAFETENSORS', most: 2 },
  { name: 'flips a byte of a tensor once', at: 2, faults: [flips, good], ends: 'same bytes', most: 5 },
  { name: 'flips a byte of a tensor always', at: 2, faults: [flips], ends: 'BAD_WEIGHTS', most: 5, words: ['(w)', 'manifest'] },
  { name: 'lies in Content-Range', at: 2, faults: [shifted], ends: 'NETWORK', most: 4, words: ['asked for the bytes'] },
  { name: 'hides Content-Range', at: 0, faults: [withHeaders({ 'content-range': undefined })], ends: 'same bytes', most: 5 },
  { name: 'sends too much', at: 2, faults: [endless], ends: 'NETWORK', most: 4, reframed: true, words: ['more than'] },
  { name: 'changes its ETag', at: 2, faults: [withHeaders({ etag: '"2"' })], ends: 'TRUNCATED', most: 4, words: ['"1"', '"2"'] },
  { name: 'changes its date', at: 2, faults: [withHeaders({ etag: undefined, 'last-modified': 'Fri, 05 Jun 2026 00:00:00 GMT' })], ends: 'TRUNCATED', most: 4, words: ['05 Jun'] },
  { name: 'changes the size', at: 2, faults: [files({ '/two.safetensors': shard.subarray(0, -1) })], ends: 'TRUNCATED', most: 4 },
  { name: 'gzips', at: 0, faults: [withHeaders({ 'content-encoding': 'gzip' })], ends: 'NETWORK', most: 1, words: ['gzip'] },
  { name: 'gzips midway', at: 2, faults: [withHeaders({ 'content-encoding': 'gzip' })], ends: 'NETWORK', most: 4, words: ['gzip'] },
  { name: 'gzips the whole', at: 0, faults: [gzips], ends: 'NETWORK', most: 1, words: ['gzip'] },
  { name: 'redirects', at: 0, faults: [redirects('/signed')], ends: 'same bytes', most: 4 },
  { name: 'redirects to something else', at: 2, faults: [redirects('/model.safetensors.index.json')], ends: 'TRUNCATED', most: 4 },
  { name: 'redirects to an expired address', at: 2, faults: [redirects('/expired'), redirects('/signed')], ends: 'same bytes', most: 5 },
  { name: 'redirects to expired addresses', at: 2, faults: [redirects('/expired')], ends: 'ACCESS_DENIED', most: 6, words: [403] },
  { name: 'has no such shard', at: 0, faults: [status(404)], ends: 'NOT_FOUND', most: 1, words: ['two.safetensors'] },
  { name: 'loses the shard', at: 2, faults: [status(404)], ends: 'NOT_FOUND', most: 4, words: ['two.safetensors'] },
  { name: 'refuses', at: 0, faults: [status(403)], ends: 'ACCESS_DENIED', most: 1, words: [403] },
  { name: 'wants a token midway', at: 2, faults: [status(401)], ends: 'ACCESS_DENIED', most: 4, words: [401] },
  { name: 'says 416 midway', at: 2, faults: [status(416)], ends: 'TRUNCATED', most: 4 },
  { name: 'says 429 twice', at: 0, faults: [status(429, { 'retry-after': '1' }), status(429), good], ends: 'same bytes', most: 6 },
  { name: 'says 429 always', at: 2, faults: [status(429)], ends: 'NETWORK', most: 8, words: [429, '3 tries'] },
  { name: 'says 503 once', at: 2, faults: [status(503), good], ends: 'same bytes', most: 5 },
  { name: 'says 503 always', at: 0, faults: [status(503)], ends: 'NETWORK', most: 3, words: [503, '3 tries'] },
] // prettier-ignore

describe.each(CLIENTS)('asked by $client, a server that', ({ fetch }) => {
  it.each(CASES)('$name: $ends', async ({ at, faults, ends, most, reframed, words = [], idleMs }) => {
    const work = load([...Array.from({ length: at }, () => good), ...faults], fetch, idleMs)
    if (ends === 'same bytes') expect(same(await work)).toBe(true)
    else await expectError(work, ends, ...words)
    const requests = server?.log.filter((line) => line.includes('/two.safetensors')) ?? []
    expect(requests.length).toBeLessThanOrEqual(most + (reframed && !fetch ? 2 : 0))
  })

  it('fails in any passing ways, in any order, gives the same bytes or a named error', async () => {
    const faults = [good, resets, stalls, truncates, status(503), status(429), start(2 * MiB, (r) => r.destroy())]
    const anyOrder = fc.array(fc.constantFrom(...faults), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(anyOrder, async (handlers) => {
        try {
          const got = await load([...handlers, good], fetch, 250).catch((error: unknown) => (error as SovitError).code)
          if (typeof got === 'string') expect(['NETWORK', 'TRUNCATED']).toContain(got)
          else expect(same(got)).toBe(true)
          expect(server?.log.length).toBeLessThan(25)
        } finally {
          await server?.close()
        }
      }),
      seeded(15),
    )
  })
})
