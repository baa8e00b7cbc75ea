import { beforeAll, describe, expect, it } from 'vitest'
import { patchEmbedNaive } from '../../../src/gpu/kernels/naive/patch-embed.js'
import { patchEmbed } from '../../../src/gpu/kernels/patch-embed.js'
import { testDevice } from '../../support/device.js'
import { compare, decode, encode, normals } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'
import { PATCH_EMBED_CASES, type PatchEmbedCase } from './cases.js'

/** Four times the worst lane: 7.6e-14 at K = 768, the f32 rounding of one chain of sums. */
const NMSE = 3e-13

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

function inputsOf({ grids, patch, C, S, weight, table }: PatchEmbedCase) {
  const patches: number[] = []
  let values = 0
  for (const [h, w] of grids) {
    const [height, width] = [h * patch, w * patch]
    for (let r = 0; r < h; r++) {
      for (let c = 0; c < w; c++) {
        const row = (r * 5 + c * 3) % (S * S)
        patches.push(values + (r * width + c) * patch, width, height * width, row)
      }
    }
    values += 3 * height * width
  }
  const K = 3 * patch * patch
  return {
    pixels: encode(normals(values, 1), 'f32'),
    patches: Uint32Array.from(patches),
    weight: encode(normals(C * K, 2, K ** -0.5), weight),
    bias: encode(normals(C, 3), 'f32'),
    table: encode(normals(S * S * C, 4), table),
    size: Uint32Array.of(patches.length / 4, 0, 0, 0),
  }
}

/** The convolution in f64, written picture by picture and not through a table of patches. */
function reference({ grids, patch, C, S, weight, table }: PatchEmbedCase, inputs: ReturnType<typeof inputsOf>) {
  const pixels = decode(inputs.pixels, 'f32')
  const w = decode(inputs.weight, weight)
  const bias = decode(inputs.bias, 'f32')
  const positions = decode(inputs.table, table)
  const y: number[] = []
  let picture = 0
  for (const [h, columns] of grids) {
    for (let r = 0; r < h; r++) {
      for (let c = 0; c < columns; c++) {
        for (let n = 0; n < C; n++) {
          let sum = (bias[n] ?? NaN) + (positions[((r * 5 + c * 3) % (S * S)) * C + n] ?? NaN)
          for (let k = 0; k < 3 * patch * patch; k++) {
            const [plane, i, j] = [Math.floor(k / patch ** 2), Math.floor(k / patch) % patch, k % patch]
            const pixel = picture + ((plane * h + r) * patch + i) * columns * patch + c * patch + j
            sum += (pixels[pixel] ?? NaN) * (w[n * 3 * patch * patch + k] ?? NaN)
          }
          y.push(sum)
        }
      }
    }
    picture += 3 * h * columns * patch * patch
  }
  return y
}

describe('patch embedding', () => {
  it.each(PATCH_EMBED_CASES)('$grids, patch $patch, C $C, $weight weights, $table table', async (c) => {
    const inputs = inputsOf(c)
    const expected = reference(c, inputs)
    const run = { P: inputs.patches.length / 4, V: inputs.pixels.length }
    for (const kernel of [patchEmbed(c), patchEmbedNaive(c)]) {
      const { y } = await runKernel(device, kernel, inputs, run)
      const errors = compare(decode(y ?? new Uint32Array(), 'f32'), expected)
      expect(errors.nmse).toBeLessThan(NMSE)
      expect(errors.cosine).toBeGreaterThan(1 - NMSE)
    }
  })
})
