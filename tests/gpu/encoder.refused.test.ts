/** A kernel that a driver refuses: the load ends with its name, does not go on downloading, and leaves no buffer. */
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { VisionEncoder } from '../../src/index.js'
import { testGpu } from '../support/device.js'
import { failure } from '../support/failure.js'
import { fixtureBytes } from '../support/fixture.js'
import { rangeAnswer, rangeOf } from '../support/range-answer.js'
import { watchedDevice, type Watched } from '../support/watch.js'

const gpu = await testGpu()
const config = await fixtureBytes('tests/fixtures/models/siglip-f32/config.json')
const weights = await fixtureBytes('tests/fixtures/models/siglip-f32/model.safetensors')
const headerEnd = 8 + Number(new DataView(weights).getBigUint64(0, true))
let watched: Watched
let stalled = 0

/** A server whose answers of more than a header never end. */
const stalling: typeof fetch = (input, init) => {
  const address = input instanceof Request ? input.url : String(input)
  const file = address.endsWith('/config.json') ? config : address.endsWith('/model.safetensors') ? weights : undefined
  const answer = rangeAnswer(file, init)
  if (!file || rangeOf(file, init).begin < headerEnd) return Promise.resolve(answer)
  stalled++
  return Promise.resolve(new Response(new ReadableStream(), answer))
}

beforeAll(async () => {
  watched = await watchedDevice(gpu)
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe.each([
  {
    device: 'a GPU',
    adapter: { vendor: 'acme', architecture: 'one', description: '', isFallbackAdapter: false },
  },
  {
    device: 'a rasteriser',
    adapter: { vendor: 'acme', architecture: '', description: '', isFallbackAdapter: true },
  },
])('on $device', ({ adapter }) => {
  test('the load ends at once, and nothing is left', async () => {
    const { device, live } = watched
    vi.spyOn(device, 'adapterInfo', 'get').mockReturnValue(adapter as GPUAdapterInfo)
    const create = device.createComputePipelineAsync.bind(device)
    vi.spyOn(device, 'createComputePipelineAsync').mockImplementation(async (descriptor) => {
      if (descriptor.label?.startsWith('attention') !== true) return create(descriptor)
      await vi.waitFor(() => expect(stalled).toBeGreaterThan(0), 5000)
      throw new Error('out of registers')
    })
    stalled = 0
    const options = { device, precision: 'f32', positions: 'navit', cache: false, fetch: stalling } as const
    const error = await failure(VisionEncoder.load('https://models.test/tower/', options), 'SHADER')
    expect(error.message).toMatch(/attention.*out of registers/)
    expect(live.size).toBe(0)
  })
})
