/** Weights that no tower can compute with, or that nobody vouches for, never reach a result. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { makeManifest } from '../../src/checkpoint/manifest.js'
import { VisionEncoder, type LoadOptions, type WeightManifest } from '../../src/index.js'
import { testPixels } from '../fixtures/pixels.js'
import { folderOf, withHalf, withValue } from '../support/checkpoint.js'
import { testGpu } from '../support/device.js'
import { failure } from '../support/failure.js'
import { fixtureBytes } from '../support/fixture.js'
import { watchedDevice, type Watched } from '../support/watch.js'

const MODELS = 'tests/fixtures/models'
const gpu = await testGpu()
const hasF16 = Boolean((await gpu.requestAdapter())?.features.has('shader-f16'))
const picture = { pixels: testPixels(1, 28, 42) }

let watched: Watched
beforeAll(async () => {
  watched = await watchedDevice(gpu, hasF16 ? ['shader-f16'] : [])
})
afterEach(() => expect(watched.live.size).toBe(0))
afterAll(() => watched.device.destroy())

const load = (source: readonly File[], options: LoadOptions) =>
  VisionEncoder.load(source, { device: watched.device, positions: 'navit', ...options })

describe.each(['f32', 'auto'] as const)(
  'in precision %s, NaN or infinity is an error that names the tensor',
  (precision) => {
    test.each([
      ['encoder.layers.0.mlp.fc1.weight', 0, NaN],
      ['encoder.layers.1.self_attn.v_proj.bias', 5, Infinity],
      ['embeddings.position_embedding.weight', 1599, -Infinity],
      ['post_layernorm.weight', 63, NaN],
    ] as const)('%s[%d] of F32 is %d', async (tensor, index, value) => {
      const name = `vision_model.${tensor}`
      const folder = `${MODELS}/siglip-f32`
      const source = await folderOf(
        folder,
        withValue(await fixtureBytes(`${folder}/model.safetensors`), name, index, value),
      )
      expect((await failure(load(source, { precision }), 'BAD_WEIGHTS')).message).toContain(name)
    })

    test.each([
      ['hot-bf16', 'vpm.encoder.layers.0.mlp.fc2.weight', 77, 0x7fc0],
      ['hot-bf16', 'vpm.encoder.layers.0.layer_norm1.bias', 0, 0xff80],
      ['idefics2-f16', 'model.vision_model.encoder.layers.0.self_attn.q_proj.weight', 3, 0x7c00],
      ['int8-bf16', 'vpm.encoder.layers.0.mlp.fc1.weight_scale', 1, 0x7e00],
    ] as const)('%s, %s[%d] has the bits %d', async (model, name, index, bits) => {
      const folder = `${MODELS}/${model}`
      const weights = withHalf(await fixtureBytes(`${folder}/model.safetensors`), name, index, bits)
      // Of the others, the shapes tell all there is to know.
      const source =
        model === 'idefics2-f16' ? await folderOf(folder, weights) : [new File([weights], 'model.safetensors')]
      const { message } = await failure(load(source, { precision }), 'BAD_WEIGHTS')
      expect(message).toContain(name.replace('_scale', ''))
    })
  },
)

describe('with a manifest', () => {
  const folder = `${MODELS}/siglip-f32`
  let weights: ArrayBuffer
  let manifest: WeightManifest

  beforeAll(async () => {
    weights = await fixtureBytes(`${folder}/model.safetensors`)
    const checkpoint = await openCheckpoint(weights)
    const names = checkpoint.names.filter((name) => /^vision_model\.(?!head)/.test(name))
    const described = [...(await checkpoint.describe(names))]
    manifest = await makeManifest(
      checkpoint,
      new Map(described.map(([name, at]) => [name.slice('vision_model.'.length), at])),
    )
  })

  test('the bytes it lists are loaded', async () => {
    using encoder = await load(await folderOf(folder), { manifest, precision: 'f32' })
    expect((await encoder.encode(picture)).tokens.every(Number.isFinite)).toBe(true)
  })

  test('any other byte is refused', async () => {
    const name = 'vision_model.encoder.layers.1.mlp.fc2.bias'
    const other = await folderOf(folder, withValue(weights, name, 3, 0.25))
    const { message } = await failure(load(other, { manifest, precision: 'f32' }), 'BAD_WEIGHTS')
    expect(message).toContain(name)
  })

  test('of another checkpoint it is refused', async () => {
    await failure(load(await folderOf(`${MODELS}/siglip-erf-f16`), { manifest }), 'BAD_WEIGHTS')
  })
})
