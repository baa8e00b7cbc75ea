/** The whole encoder against torch and transformers: every layout, dtype and odd size of tests/reference/models.py. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VisionEncoder, type Encoding, type PositionMode } from '../../src/index.js'
import { testBytes, testPixels } from '../fixtures/pixels.js'
import { testGpu } from '../support/device.js'
import { fixtureBytes, fixtureJson, goldenTensors } from '../support/fixture.js'
import { maxAbs, minCosine, nmse } from '../support/metrics.js'
import { testTiers, type Tier } from '../support/tiers.js'

interface Picture {
  readonly seed: number
  readonly height: number
  readonly width: number
}

interface Case {
  readonly key: string
  readonly grid: readonly [number, number]
  readonly positions: PositionMode
  readonly pixels: Picture
}

interface Model {
  readonly name: string
  readonly folder: string
  readonly files: readonly string[]
  readonly layout: string
  readonly shape: Readonly<Record<'width' | 'heads' | 'mlp' | 'layers' | 'table' | 'patch', number>> & { gelu: string }
  readonly goldens: string
  readonly cases: readonly Case[]
}

interface Manifest {
  readonly pixels: readonly (Picture & { bytes: number; bits: number })[]
  readonly models: readonly Model[]
}

const manifest = await fixtureJson<Manifest>('tests/fixtures/goldens.json')
const gpu = await testGpu()
const tiers = await testTiers()
const measured: string[] = []

/** One file is given as bytes, several as the files of a folder. */
async function source(model: Model): Promise<ArrayBuffer | File[]> {
  const parts = await Promise.all(
    model.files.map(async (name) => new File([await fixtureBytes(`${model.folder}/${name}`)], name)),
  )
  const [only] = parts
  return parts.length === 1 && only ? only.arrayBuffer() : parts
}

/** The rows that the golden kept. */
function pick(all: Float32Array, rows: Int32Array, width: number): Float32Array {
  const picked = new Float32Array(rows.length * width)
  rows.forEach((row, i) => {
    picked.set(all.subarray(row * width, (row + 1) * width), i * width)
  })
  return picked
}

function compare(model: Model, { key, grid, precision, arithmetic }: Case & Tier, golden: Tensors, encoding: Encoding) {
  const { width, layers } = model.shape
  const rows = golden.get(`${key}.rows`) as Int32Array
  const expected = golden.get(`${key}.tokens`) as Float32Array
  expect(encoding.grid).toEqual(grid)
  expect(encoding.dims).toEqual([grid[0] * grid[1], width])
  expect(encoding.tokens.length).toBe(grid[0] * grid[1] * width)
  expect(encoding.tokens.every(Number.isFinite)).toBe(true)
  const tokens = pick(encoding.tokens, rows, width)
  const hidden = encoding.hiddenStates ?? []
  expect(hidden.length).toBe(layers + 1)
  const errors = hidden.map((state, layer) => {
    return nmse(pick(state, rows, width), golden.get(`${key}.hidden.${String(layer)}`) as Float32Array)
  })
  const cosine = minCosine(tokens, expected, width)
  const error = nmse(tokens, expected)
  const figures = [
    cosine.toFixed(8),
    ...[error, Math.max(...errors), maxAbs(tokens, expected)].map((x) => x.toExponential(1)),
  ]
  measured.push([model.name.padEnd(22), precision, arithmetic.padEnd(6), key.padEnd(7), ...figures].join('  '))
  expect(cosine).toBeGreaterThanOrEqual(precision === 'f32' ? 0.99999 : 0.9995)
  if (precision === 'f16') return
  expect(error).toBeLessThanOrEqual(1e-9)
  for (const [layer, value] of errors.entries()) expect(value, `after block ${String(layer)}`).toBeLessThanOrEqual(1e-9)
}

type Tensors = ReadonlyMap<string, Float32Array | Int32Array>

test.each(manifest.pixels)('test picture $seed is the one torch saw', ({ seed, height, width, bytes, bits }) => {
  const weigh = (values: ArrayLike<number>): bigint =>
    Array.from(values).reduce((sum, value, i) => sum + BigInt((value % 65521) * ((i + 1) % 65521)), 0n)
  expect(weigh(testBytes(seed, height, width))).toBe(BigInt(bytes))
  expect(weigh(new Uint32Array(testPixels(seed, height, width).data.buffer))).toBe(BigInt(bits))
})

/** A model loaded in one way serves all of its pictures: loading it, and compiling, is most of the work. */
const loads = manifest.models.flatMap((model) => {
  const modes = [...new Set(model.cases.map(({ positions }) => positions))]
  return modes.flatMap((positions) => tiers.map((tier) => ({ model, name: model.name, positions, ...tier })))
})

describe.each(loads)('$name $positions $precision by $arithmetic', ({ model, positions, precision, arithmetic }) => {
  let golden: Tensors
  let encoder: VisionEncoder

  beforeAll(async () => {
    golden = goldenTensors(await fixtureBytes(`tests/fixtures/${model.goldens}`))
    encoder = await VisionEncoder.load(await source(model), { gpu, precision, arithmetic, positions })
  })
  afterAll(() => encoder.dispose())

  test('is the network that was written', () => {
    const { width, heads, mlp, layers, table, patch, gelu } = encoder.model.config
    expect({ width, heads, mlp, layers, table, patch, gelu }).toEqual(model.shape)
    expect([encoder.model.layout, encoder.arithmetic]).toEqual([model.layout, arithmetic])
  })

  test.each(model.cases.filter((one) => one.positions === positions))('$key', async (one) => {
    const { seed, height, width } = one.pixels
    const pixels = testPixels(seed, height, width)
    const encoding = await encoder.encode({ pixels }, { hiddenStates: true })
    compare(model, { ...one, precision, arithmetic }, golden, encoding)
    // The same bits again, in a pack behind another picture: its rows then begin in the middle of a tile.
    const other = testPixels(seed + 1, model.shape.patch, 3 * model.shape.patch)
    const packed = await encoder.encode([{ pixels: positions === 'table' ? pixels : other }, { pixels }, { pixels }])
    for (const { tokens } of packed.slice(1)) expect(tokens).toEqual(encoding.tokens)
  })
})

afterAll(() => {
  console.log(
    [
      'model / precision / arithmetic / grid / min cosine / NMSE / worst hidden NMSE / max abs',
      ...measured.sort(),
    ].join('\n'),
  )
})
