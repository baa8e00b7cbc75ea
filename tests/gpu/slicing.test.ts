/** Sliced pictures through the encoder: pieces in their order, and packed bit for bit what each is alone. */
import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest'
import { toRgb } from '../../src/image/rgb.js'
import { preprocess } from '../../src/image/preprocess.js'
import { targetsOf } from '../../src/image/targets.js'
import { VisionEncoder, type Encoding, type RgbImage } from '../../src/index.js'
import { testGpu } from '../support/device.js'
import { fixtureBytes, fixtureJson } from '../support/fixture.js'

interface Goldens {
  readonly slicing: readonly {
    readonly file: string
    readonly maxSlices: number
    readonly pieces: readonly {
      readonly place: readonly [number, number]
      readonly height: number
      readonly width: number
    }[]
  }[]
}
const goldens = await fixtureJson<Goldens>('tests/fixtures/slicing.json')
const picture = (file: string) => fixtureBytes(`tests/fixtures/images/${file}`)

let encoder: VisionEncoder
beforeAll(async () => {
  encoder = await VisionEncoder.load(undefined, { gpu: await testGpu(), precision: 'f32' })
})
afterAll(() => encoder.dispose())

/** Where pieces come from, and their patches. */
const layout = (encodings: readonly Encoding[]) => encodings.map(({ source, grid }) => [...source, ...grid])

function expected(image: number, name: string, most: number) {
  const golden = goldens.slicing.find(({ file, maxSlices }) => file === name && maxSlices === most)
  return golden?.pieces.map(({ place, height, width }) => [image, ...place, height / 14, width / 14])
}

test('pieces of a photograph have the grids and places of the reference', async () => {
  const encodings = await encoder.encode(await picture('large.png'), { size: 'minicpm-v' })
  expect(layout(encodings)).toEqual(expected(0, 'large.png', 9))
})

test('pictures of one call follow one another, ready pixel values are one piece, and tokens are those of each alone', async () => {
  const options = { size: 'minicpm-v', maxSlices: 2 } as const
  const ready = { pixels: { width: 28, height: 14, data: new Float32Array(3 * 28 * 14).fill(0.5) } }
  const [large, shapes] = [await picture('large.png'), await picture('shapes.png')]
  const encodings = await encoder.encode([large, ready, shapes], options)
  expect(layout(encodings)).toEqual([
    ...(expected(0, 'large.png', 2) ?? []),
    [1, -1, -1, 1, 2],
    ...(expected(2, 'shapes.png', 9) ?? []),
  ])
  const cut = async (image: RgbImage) => {
    return (await targetsOf(image, options)).flatMap((target) => preprocess(image, target))
  }
  const pieces = [...(await cut(await toRgb(large))), ready.pixels, ...(await cut(await toRgb(shapes)))]
  for (const [i, pixels] of pieces.entries()) {
    const alone = await encoder.encode({ pixels })
    expect(alone.source).toEqual([0, -1, -1])
    const wrong = alone.tokens.findIndex((value, at) => value !== encodings[i]?.tokens[at])
    expect([alone.tokens.length, wrong]).toEqual([encodings[i]?.tokens.length, -1])
  }
})

test('a size that may slice gives a list, of one picture in one piece too; other sizes give one encoding', async () => {
  const pixels = { width: 14, height: 14, data: new Float32Array(3 * 14 * 14) }
  const list = await encoder.encode({ pixels }, { size: 'minicpm-v' })
  const one = await encoder.encode(await picture('shapes.png'), { size: { naflex: 12 } })
  expectTypeOf(list).toEqualTypeOf<Encoding[]>()
  expectTypeOf(one).toEqualTypeOf<Encoding>()
  expect(list.map(({ dims }) => dims[0])).toEqual([1])
  expect([one.grid, one.source]).toEqual([
    [3, 4],
    [0, -1, -1],
  ])
})
