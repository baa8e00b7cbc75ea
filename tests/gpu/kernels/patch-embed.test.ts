import { beforeAll, describe, expect, it } from 'vitest'
import type { Kernel } from '../../../src/gpu/kernel.js'
import { patchEmbedNaive } from '../../../src/gpu/kernels/naive/patch-embed.js'
import { DIRECT_PATCHES } from '../../../src/gpu/kernels/patch-embed-direct.js'
import { patchEmbed, type PatchEmbedSpec } from '../../../src/gpu/kernels/patch-embed.js'
import { testDevice } from '../../support/device.js'
import { compare, decode, encode, normals, random, type FloatType } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

/** Pictures in pixels, [width, height]; only their whole patches are embedded. */
interface Case extends PatchEmbedSpec {
  readonly S: number
  readonly weight: FloatType
  readonly table: FloatType
  readonly pictures: readonly (readonly [number, number])[]
}

/** P on both sides of one and two tiles (32 rows), C on both sides of one (32 columns); 3p² with and without a tail of the
 * K step (16); each pair of formats of weight and table. */
const CASES: readonly Case[] = [
  { patch: 2, C: 4, S: 2, weight: 'f32', table: 'f32', pictures: [[2, 2]] },
  { patch: 2, C: 36, S: 7, weight: 'bf16', table: 'f16', pictures: [[63, 3]] },
  {
    patch: 14,
    C: 28,
    S: 3,
    weight: 'f16',
    table: 'f32',
    pictures: [
      [14, 14],
      [43, 29],
      [27, 70],
    ],
  },
  { patch: 14, C: 32, S: 5, weight: 'f32', table: 'bf16', pictures: [[112, 60]] },
  { patch: 14, C: 132, S: 70, weight: 'bf16', table: 'bf16', pictures: [[45, 159]] },
  {
    patch: 14,
    C: 144,
    S: 70,
    weight: 'f16',
    table: 'f16',
    pictures: [
      [70, 56],
      [14, 98],
      [126, 56],
    ],
  },
  { patch: 16, C: 60, S: 4, weight: 'f32', table: 'f16', pictures: [[81, 208]] },
  {
    patch: 16,
    C: 68,
    S: 27,
    weight: 'f16',
    table: 'bf16',
    pictures: [
      [31, 16],
      [16, 31],
      [50, 33],
    ],
  },
  {
    patch: 14,
    C: 1152,
    S: 70,
    weight: 'bf16',
    table: 'f32',
    pictures: [
      [111, 56],
      [42, 19],
    ],
  },
]

const gridOf = ([width, height]: readonly [number, number], p: number) =>
  [Math.floor(width / p), Math.floor(height / p)] as const

const patchesOf = ({ pictures, patch }: Case) =>
  pictures.map((picture) => gridOf(picture, patch)).reduce((sum, [columns, rows]) => sum + columns * rows, 0)

const title = (of: Case) =>
  `p ${of.patch}, C ${of.C}, ${of.weight} and ${of.table}, ${of.pictures.map((size) => size.join('×')).join()}: P ${patchesOf(of)}`

/** Each patch: its first value in `pixels`, row stride, plane stride, and any row of the table, its last one too. */
function placesOf({ pictures, patch, S }: Case): Uint32Array {
  const next = random(7)
  const places: number[] = []
  let start = 0
  for (const picture of pictures) {
    const [width, height] = picture
    const [columns, rows] = gridOf(picture, patch)
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const first = start + row * patch * width + column * patch
        places.push(first, width, width * height, Math.floor(next() * S * S))
      }
    }
    start += 3 * width * height
  }
  places[places.length - 1] = S * S - 1
  return Uint32Array.from(places)
}

function inputsOf(of: Case) {
  const K = 3 * of.patch ** 2
  const values = of.pictures.reduce((sum, [width, height]) => sum + 3 * width * height, 0)
  return {
    pixels: encode(normals(values, 1), 'f32'),
    patches: placesOf(of),
    weight: encode(normals(of.C * K, 2, K ** -0.5), of.weight),
    bias: encode(normals(of.C, 3), 'f32'),
    table: encode(normals(of.S * of.S * of.C, 4), of.table),
    size: Uint32Array.of(patchesOf(of), 0, 0, 0),
  }
}

type Inputs = ReturnType<typeof inputsOf>

async function run(kernel: Kernel, inputs: Inputs): Promise<Float32Array> {
  const { y } = await runKernel(device, kernel, inputs, { P: inputs.patches.length / 4, V: inputs.pixels.length })
  if (!y) throw new Error(`${kernel.name} gave no y`)
  return new Float32Array(y.buffer, y.byteOffset, y.length)
}

/** The convolution in f64, on the numbers that the formats can hold. */
function reference({ patch: p, C, weight, table }: Case, inputs: Inputs): Float64Array {
  const pixels = decode(inputs.pixels, 'f32')
  const w = decode(inputs.weight, weight)
  const bias = decode(inputs.bias, 'f32')
  const positions = decode(inputs.table, table)
  const y = new Float64Array((inputs.patches.length / 4) * C)
  for (let at = 0; at < inputs.patches.length; at += 4) {
    const [first = 0, width = 0, plane = 0, row = 0] = inputs.patches.subarray(at, at + 4)
    for (let c = 0; c < C; c++) {
      let sum = (bias[c] ?? NaN) + (positions[row * C + c] ?? NaN)
      let k = c * 3 * p * p
      for (let channel = first; channel < first + 3 * plane; channel += plane) {
        for (let line = channel; line < channel + p * width; line += width) {
          for (let i = line; i < line + p; i++) sum += (pixels[i] ?? NaN) * (w[k++] ?? NaN)
        }
      }
      y[(at / 4) * C + c] = sum
    }
  }
  return y
}

// 4 times the worst of lavapipe and SwiftShader: nmse 8.4e-14, maxAbs 5.3e-6 (1152 columns).
function expectClose(actual: Float32Array, expected: Float64Array) {
  const errors = compare(actual, expected)
  expect(errors.nmse).toBeLessThan(3.4e-13)
  expect(errors.maxAbs).toBeLessThan(2.2e-5)
}

describe('patch embedding against f64 and its naive twin', () => {
  it.each(CASES.map((of) => [title(of), of] as const))('%s', async (_title, of) => {
    const inputs = inputsOf(of)
    const expected = reference(of, inputs)
    const tuned = await run(patchEmbed(of), inputs)
    expectClose(tuned, expected)
    expect(await run(patchEmbed(of, DIRECT_PATCHES), inputs)).toEqual(tuned)
    expectClose(await run(patchEmbedNaive(of), inputs), expected)
  })
})

it('gives a picture the same bits alone and packed', async () => {
  const of: Case = {
    patch: 14,
    C: 36,
    S: 9,
    weight: 'bf16',
    table: 'f32',
    pictures: [
      [14, 14],
      [99, 85],
      [43, 29],
    ],
  }
  const inputs = inputsOf(of)
  const together = await run(patchEmbed(of), inputs)
  let [start, first] = [0, 0]
  for (const [width, height] of of.pictures) {
    const count = patchesOf({ ...of, pictures: [[width, height]] })
    const patches = inputs.patches.slice(4 * first, 4 * (first + count)).map((v, i) => (i % 4 === 0 ? v - start : v))
    const pixels = inputs.pixels.slice(start, start + 3 * width * height)
    const size = Uint32Array.of(count, 0, 0, 0)
    const alone = await run(patchEmbed(of), { ...inputs, pixels, patches, size })
    expect(alone).toEqual(together.slice(first * of.C, (first + count) * of.C))
    start += 3 * width * height
    first += count
  }
})

it('refuses sizes that its vectors cannot hold', () => {
  const of: PatchEmbedSpec = { patch: 14, C: 36, S: 2, weight: 'f32', table: 'f32' }
  expect(() => patchEmbed({ ...of, patch: 15 })).toThrow('K = 675')
  expect(() => patchEmbed({ ...of, C: 38 })).toThrow('C = 38')
})
