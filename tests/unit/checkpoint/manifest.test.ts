/** Hashes of weights: what they are of, and that a load keeps to them. */
import { afterEach, describe, expect, it } from 'vitest'
import { checkOf, makeManifest } from '../../../src/checkpoint/manifest.js'
import { openCheckpoint } from '../../../src/checkpoint/open.js'
import type { WeightManifest } from '../../../src/checkpoint/types.js'
import { MemoryCache } from '../../support/memory-cache.js'
import { entry, expectError, fileOf, pattern, PIECE, sha256 } from './safetensors-cases.js'
import { files, hurried, serve, type Server } from './server.js'

const MiB = 2 ** 20

/** A tensor that is many pieces and the rest of one, and a small one that ends in the same read. */
const [large, small] = [pattern(13 * MiB + 24, 1), pattern(100, 2)]
const ends = large.length + small.length
const header = fileOf(
  `{${entry('vpm.large', 'U8', [large.length], 0, large.length)},${entry('vpm.small', 'U8', [100], large.length, ends)}}`,
)
const file = Uint8Array.from(Buffer.concat([header, large, small]))

const pieces = Array.from({ length: 27 }, (_, i) => sha256(large.subarray(i * PIECE, (i + 1) * PIECE)))
const expected: WeightManifest = {
  format: 'sovit-manifest-1',
  pieceBytes: PIECE,
  tensors: { large: pieces, small: [sha256(small)] },
}

async function opened(bytes: Uint8Array | string, cache: MemoryCache | false = false) {
  const checkpoint = await openCheckpoint(bytes, { cache, ...hurried() })
  const described = await checkpoint.describe(['vpm.large', 'vpm.small'])
  const tensors = new Map([...described].map(([name, tensor]) => [name.slice('vpm.'.length), tensor]))
  return { checkpoint, tensors }
}

let server: Server | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

describe('a manifest', () => {
  it('has the SHA-256 of every 512 KiB of every tensor, by its name in a bare tower', async () => {
    const { checkpoint, tensors } = await opened(file)
    expect(await makeManifest(checkpoint, tensors)).toEqual(expected)
  })

  it.each([
    ['something else', { format: 'sha256sum' }, 'BAD_OPTION', 'sovit manifest'],
    ['pieces of another size', { ...expected, pieceBytes: 1000 }, 'BAD_OPTION', '524288'],
    ['a tensor less', { ...expected, tensors: { large: pieces } }, 'BAD_WEIGHTS', "nothing of tensor 'small'"],
    [
      'a piece less',
      { ...expected, tensors: { ...expected.tensors, large: pieces.slice(1) } },
      'BAD_WEIGHTS',
      '26 pieces',
    ],
  ] as const)('of %s is refused before anything is read', async (_, manifest, code, words) => {
    const { tensors } = await opened(file)
    await expectError(() => checkOf(manifest as WeightManifest, tensors), code, words)
  })

  it.each([0, MiB, 13 * MiB + 23, 13 * MiB + 24, ends - 1])('tells that the byte %d is another', async (at) => {
    const wrong = Uint8Array.from(file)
    wrong[header.length + at]! ^= 1 // eslint-disable-line @typescript-eslint/no-non-null-assertion
    const { checkpoint, tensors } = await opened(wrong)
    const check = checkOf(expected, tensors)
    const name = at < large.length ? '(vpm.large)' : '(vpm.small)'
    await expectError(
      checkpoint.stream(tensors.values(), () => undefined, { check }),
      'BAD_WEIGHTS',
      name,
    )
  })
})

describe('with a cache', () => {
  it('what a network got wrong once is fetched again, and what is kept is right', async () => {
    const wrong = Uint8Array.from(file)
    wrong[header.length + 13 * MiB]! ^= 1 // eslint-disable-line @typescript-eslint/no-non-null-assertion
    let content = wrong
    server = await serve((request, response) =>
      files({ '/m.safetensors': content }, { etag: '"1"' })(request, response),
    )
    const cache = new MemoryCache()
    const load = async (check: boolean): Promise<Uint8Array> => {
      const { checkpoint, tensors } = await opened(`${server?.url}/m.safetensors`, cache)
      const got = new Uint8Array(ends)
      const [first] = tensors.values()
      const options = check ? { check: checkOf(expected, tensors) } : {}
      await checkpoint.stream(
        tensors.values(),
        ({ tensor, offset, bytes }) => got.set(bytes, tensor.begin - (first?.begin ?? 0) + offset),
        options,
      )
      return got
    }
    // Without hashes nobody can tell: the wrong bytes are kept.
    expect(Buffer.compare(await load(false), file.subarray(header.length))).not.toBe(0)
    await expectError(load(true), 'BAD_WEIGHTS')
    content = file
    expect(Buffer.compare(await load(true), file.subarray(header.length))).toBe(0)
    server.log.length = 0
    expect(Buffer.compare(await load(true), file.subarray(header.length))).toBe(0)
    expect(server.log.filter((line) => !line.endsWith('bytes=0-0'))).toEqual([])
  })
})
