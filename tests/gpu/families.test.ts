/** Every family of checkpoints against the library that owns it: tests/reference/make_family_goldens.py. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VisionEncoder, type Encoding, type PositionMode } from '../../src/index.js'
import { testPixels } from '../fixtures/pixels.js'
import { testGpu } from '../support/device.js'
import { fixtureBytes, fixtureJson, goldenTensors } from '../support/fixture.js'
import { familyFiles, type FamilyModel } from '../support/families.js'
import { keepFigures } from '../support/figures.js'
import { minCosine, nmse } from '../support/metrics.js'
import { testTiers, type Tier } from '../support/tiers.js'

const { families } = await fixtureJson<{ families: readonly FamilyModel[] }>('tests/fixtures/families.json')
const gpu = await testGpu()
const tiers = await testTiers()
const measured: Figure[] = []

/** How far one result is from its reference. */
interface Figure {
  readonly model: string
  readonly precision: string
  readonly arithmetic: string
  readonly result: string
  readonly cosine: number
  readonly nmse: number
}

/**
 * One load serves all cases of a way to map positions and to merge. A network that another naming had before, with the
 * same expected values, is loaded in one way, in f32 only: what differs is done before any kernel.
 */
const loads = families
  .filter(({ layout }) => layout !== 'big_vision') // no checkpoint until it is converted: tests/unit/cli
  .flatMap((model, i, all) => {
    const ways = new Map(
      model.cases.map(({ positions, merge }) => [`${positions} ${merge ?? ''}`, { positions, merge }]),
    )
    const again = all.slice(0, i).some(({ goldens }) => goldens === model.goldens)
    const some = again ? tiers.slice(0, 1) : tiers
    const loaded = [...ways.values()].slice(0, again ? 1 : undefined)
    return loaded.flatMap((way) => some.map((tier) => ({ ...way, ...tier, model, name: model.name })))
  })

interface Numbers {
  readonly data: Float32Array
  readonly dims: readonly number[]
}

/** Results by the names of the API; of frames that belong together, the first has the result. */
function resultsOf(encodings: readonly Encoding[]): [name: string, i: number, numbers: Numbers][] {
  const named = (name: string, parts: (Numbers | undefined)[]) =>
    parts.filter((part) => part !== undefined).map((part, i): [string, number, Numbers] => [name, i, part])
  return [
    ...named(
      'tokens',
      encodings.map(({ tokens: data, dims }) => ({ data, dims })),
    ),
    ...(['pooled', 'resampled', 'merged'] as const).flatMap((name) =>
      named(
        name,
        encodings.map((encoding) => encoding[name]),
      ),
    ),
  ]
}

describe.each(loads)('$name $positions $merge $precision by $arithmetic', (load) => {
  const { model, positions, merge, precision, arithmetic } = load
  let golden: ReadonlyMap<string, Float32Array | Int32Array>
  let encoder: VisionEncoder

  beforeAll(async () => {
    golden = goldenTensors(await fixtureBytes(model.goldens))
    const how: Tier & { positions: PositionMode } = { positions, precision, arithmetic }
    encoder = await VisionEncoder.load(await familyFiles(model), { gpu, ...how, ...(merge && { merge }) })
  })
  afterAll(() => encoder.dispose())

  test('is the network that was written', () => {
    const { width, heads, mlp, layers, table, patch, gelu } = encoder.model.config
    expect({ width, heads, mlp, layers, table, patch, gelu }).toEqual(model.shape)
  })

  const own = model.cases.filter((one) => one.positions === positions && one.merge === merge)
  test.each(own)('$key', async ({ key, pictures, grids, temporalIds, sources }) => {
    const pixels = pictures.map(({ seed, height, width }, i) => {
      return { pixels: testPixels(seed, height, width), ...(sources && { source: sources[i] }) }
    })
    const encodings = await encoder.encode(pixels, { ...(temporalIds && { temporalIds }) })
    // Squares of 2×2 patches leave a tower that merges within as one token.
    const side = merge === '16x' ? 2 : 1
    expect(encodings.map(({ grid }) => grid)).toEqual(grids.map(([rows, columns]) => [rows / side, columns / side]))
    expect(encodings.map(({ source }) => source)).toEqual(sources ?? pictures.map((_, i) => [i, -1, -1]))
    const results = resultsOf(encodings)
    for (const [name, i, numbers] of results) {
      check(load, `${key} ${name}.${i}`, numbers, golden.get(`${key}.${name}.${i}`) as Float32Array)
    }
    // Everything that the reference gives was compared.
    const known = [...golden.keys()].filter((name) => name.startsWith(`${key}.`) && !name.includes('position_ids'))
    expect(results.map(([name, i]) => `${key}.${name}.${i}`).sort()).toEqual(known.sort())
  })
})

function check(
  { model, precision, arithmetic }: (typeof loads)[number],
  what: string,
  { data, dims }: Numbers,
  expected: Float32Array,
): void {
  expect(data.length, what).toBe(expected.length)
  expect(
    dims.reduce((product, size) => product * size, 1),
    what,
  ).toBe(expected.length)
  const [cosine, error] = [minCosine(data, expected, dims.at(-1) ?? 0), nmse(data, expected)]
  measured.push({ model: model.name, precision, arithmetic, result: what, cosine, nmse: error })
  expect(cosine, what).toBeGreaterThanOrEqual(precision === 'f32' ? 0.99999 : 0.9995)
  if (precision === 'f32') expect(error, what).toBeLessThanOrEqual(1e-9)
}

/** For the table in the guide (scripts/families.mjs). */
afterAll(async () => {
  const info = (await gpu.requestAdapter())?.info
  await keepFigures('families', { device: `${info?.vendor} ${info?.architecture}`, measured })
  const lines = measured.map(({ model, precision, arithmetic, result, cosine, nmse: error }) =>
    [
      model.padEnd(22),
      precision,
      arithmetic.padEnd(6),
      result.padEnd(24),
      cosine.toFixed(8),
      error.toExponential(1),
    ].join('  '),
  )
  console.log(['model / precision / arithmetic / result / min cosine / NMSE', ...lines.sort()].join('\n'))
})
