/** Weights are made ready by kernels on GPUs, and by the processor where the device runs on it: to the same bits. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { VisionEncoder } from '../../src/index.js'
import { testPixels } from '../fixtures/pixels.js'
import { folderOf, withHalf, withValue } from '../support/checkpoint.js'
import { testGpu } from '../support/device.js'
import { failure } from '../support/failure.js'
import { fixtureBytes } from '../support/fixture.js'
import { watchedDevice, type Watched } from '../support/watch.js'

const MODELS = 'tests/fixtures/models'
const gpu = await testGpu()
const picture = { pixels: testPixels(1, 28, 42) }
const say = (isFallbackAdapter: boolean) => ({ vendor: 'acme', architecture: '', description: '', isFallbackAdapter })

let asGpu: Watched
let asProcessor: Watched
beforeAll(async () => {
  asGpu = await watchedDevice(gpu)
  asProcessor = await watchedDevice(gpu)
  Object.defineProperty(asGpu.device, 'adapterInfo', { value: say(false) })
  Object.defineProperty(asProcessor.device, 'adapterInfo', { value: say(true) })
})
afterEach(() => expect(asGpu.live.size + asProcessor.live.size).toBe(0))
afterAll(() => {
  asGpu.device.destroy()
  asProcessor.device.destroy()
})

/** An encoder, and the kernels that were compiled for its upload. */
async function load({ device }: Watched, source: readonly File[]) {
  const kernels: (string | undefined)[] = []
  const create = GPUDevice.prototype.createComputePipelineAsync.bind(device)
  device.createComputePipelineAsync = (descriptor) => {
    if (/^(finite|convert)$/.test(descriptor.label ?? '')) kernels.push(descriptor.label)
    return create(descriptor)
  }
  const options = { device, positions: 'navit', precision: 'f32', heads: 'none' } as const
  return { encoder: await VisionEncoder.load(source, options), kernels }
}

test.each([
  ['siglip-f32', ['finite']],
  ['hot-bf16', ['convert', 'finite']],
  ['idefics2-f16', ['convert', 'finite']],
  ['int8-bf16', ['convert', 'convert', 'finite']],
] as const)('%s gives the same tokens', async (model, expected) => {
  const weights = await fixtureBytes(`${MODELS}/${model}/model.safetensors`)
  const source = /int8|hot/.test(model)
    ? [new File([weights], 'model.safetensors')]
    : await folderOf(`${MODELS}/${model}`, weights)
  const tokens = []
  for (const [device, kernels] of [[asGpu, expected] as const, [asProcessor, []] as const]) {
    const loaded = await load(device, source)
    using encoder = loaded.encoder
    expect(loaded.kernels.sort()).toEqual(kernels)
    tokens.push((await encoder.encode(picture)).tokens)
  }
  expect(tokens[1]).toEqual(tokens[0])
})

describe('a GPU finds', () => {
  test('an infinity among f32', async () => {
    const folder = `${MODELS}/siglip-f32`
    const name = 'vision_model.encoder.layers.0.mlp.fc1.weight'
    const weights = withValue(await fixtureBytes(`${folder}/model.safetensors`), name, 5, -Infinity)
    const { message } = await failure(load(asGpu, await folderOf(folder, weights)), 'BAD_WEIGHTS')
    expect(message).toContain(name)
  })

  test.each([
    ['vpm.encoder.layers.0.mlp.fc2.weight', 77, 0x7fc0],
    ['vpm.encoder.layers.0.layer_norm1.bias', 0, 0xff80],
  ] as const)('among bf16, %s[%d] with the bits %d', async (name, index, bits) => {
    const weights = withHalf(await fixtureBytes(`${MODELS}/hot-bf16/model.safetensors`), name, index, bits)
    const { message } = await failure(load(asGpu, [new File([weights], 'model.safetensors')]), 'BAD_WEIGHTS')
    expect(message).toContain(name)
  })
})
