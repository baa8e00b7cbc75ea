/** What lies behind the tower, beside its numbers (families.test.ts): where results go, what is refused, what is left. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VisionEncoder } from '../../src/index.js'
import { testPixels } from '../fixtures/pixels.js'
import { testGpu } from '../support/device.js'
import { familyFiles, type FamilyModel } from '../support/families.js'
import { fixtureJson } from '../support/fixture.js'

const { families } = await fixtureJson<{ families: readonly FamilyModel[] }>('tests/fixtures/families.json')
const gpu = await testGpu()

async function load(name: string, options: Parameters<typeof VisionEncoder.load>[1] = {}): Promise<VisionEncoder> {
  const model = families.find((one) => one.name === name)
  if (!model) throw new Error(`There is no fixture ${name}.`)
  return VisionEncoder.load(await familyFiles(model), { gpu, precision: 'f32', ...options })
}

const picture = (seed: number, height: number, width: number) => ({ pixels: testPixels(seed, height, width) })
const SIX = [picture(1, 84, 56), picture(2, 56, 56)]

let encoder: VisionEncoder
let device: GPUDevice
beforeAll(async () => {
  const adapter = await gpu.requestAdapter()
  if (!adapter) throw new Error('No adapter.')
  device = await adapter.requestDevice()
  encoder = await load('minicpmv-4_5', { device })
})
afterAll(() => {
  encoder.dispose()
  device.destroy()
})

async function read(buffer: GPUBuffer | undefined): Promise<Float32Array> {
  if (!buffer) throw new Error('There is no buffer.')
  const copy = device.createBuffer({ size: buffer.size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ })
  const commands = device.createCommandEncoder()
  commands.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size)
  device.queue.submit([commands.finish()])
  await copy.mapAsync(GPUMapMode.READ)
  const data = new Float32Array(copy.getMappedRange().slice(0))
  copy.destroy()
  return data
}

test('on request tokens and queries stay on the device, a buffer each, which the caller owns', async () => {
  const here = await encoder.encode(SIX)
  const buffers = encoder.gpuBuffers
  const there = await encoder.encode(SIX, { output: 'gpu' })
  expect(encoder.gpuBuffers).toBe(buffers)
  for (const [i, { tokens, buffer, resampled, dims }] of there.entries()) {
    expect([tokens.length, resampled?.data.length]).toEqual([0, 0])
    expect([dims, resampled?.dims]).toEqual([here[i]?.dims, [8, 256]])
    expect(await read(buffer)).toEqual(here[i]?.tokens)
    expect(await read(resampled?.buffer)).toEqual(here[i]?.resampled?.data)
    buffer?.destroy()
    resampled?.buffer?.destroy()
  }
})

test('without heads an encode computes no more than the tower, of the same bits', async () => {
  const [all, none] = [await encoder.encode(SIX), await encoder.encode(SIX, { heads: 'none' })]
  expect(none.map(({ tokens }) => tokens)).toEqual(all.map(({ tokens }) => tokens))
  expect(none.map(({ resampled }) => resampled)).toEqual([undefined, undefined])
})

test('a load without heads fetches and holds less', async () => {
  using alone = await load('minicpmv-4_5', { heads: 'none' })
  expect(alone.load.weightBytes).toBeLessThan(encoder.load.weightBytes / 2)
  const [a, b] = [await alone.encode(SIX), await encoder.encode(SIX)]
  expect(a.map(({ tokens }) => tokens)).toEqual(b.map(({ tokens }) => tokens))
  expect(a.map(({ resampled }) => resampled)).toEqual([undefined, undefined])
})

test('frames that are looked at together have one result, by the first; others have their own', async () => {
  const encodings = await encoder.encode([...SIX, ...SIX], { temporalIds: [[-1], [3, 4], [-1]] })
  expect(encodings.map(({ resampled }) => resampled?.dims)).toEqual([[8, 256], [8, 256], undefined, [8, 256]])
  const alone = await encoder.encode(SIX)
  expect(encodings[0]?.resampled).toEqual(alone[0]?.resampled)
  expect(encodings[3]?.resampled).toEqual(alone[1]?.resampled)
})

test.each([
  ['a picture that no list names', [[0]], /name 1 pictures; there are 2/],
  ['an empty group', [[0, 1], []], /name 2 pictures; there are 2/],
  ['a number below -1', [[0, -2]], /-2.*0 to 71999/],
  ['a frame beyond the table', [[0, 72000]], /72000.*71999/],
])('%s is refused', async (_, temporalIds, message) => {
  const refused = encoder.encode(SIX, { temporalIds })
  await expect(refused).rejects.toMatchObject({ code: 'BAD_OPTION' })
  await expect(refused).rejects.toThrow(message)
})

test('frames need a resampler', async () => {
  using siglip = await load('siglip-map')
  await expect(siglip.encode(SIX, { temporalIds: [[0, 1]] })).rejects.toMatchObject({ code: 'BAD_OPTION' })
})

test('what cannot be merged in whole squares is refused with both numbers, and nothing is left of it', async () => {
  using merging = await load('minicpmv-4_6')
  const good = await merging.encode(picture(1, 56, 112))
  const before = merging.gpuBytes
  const refused = merging.encode([picture(1, 56, 112), picture(3, 84, 28)])
  await expect(refused).rejects.toMatchObject({ code: 'IMAGE_SIZE' })
  await expect(refused).rejects.toThrow(/6×2 .*16x.* 4.*56 pixels/)
  expect(merging.gpuBytes).toBe(before)
  expect((await merging.encode(picture(1, 56, 112))).merged).toEqual(good.merged)
})

test('hidden states of a tower that merges within have the rows of their layer', async () => {
  using merging = await load('minicpmv-4_6')
  const { hiddenStates = [], dims } = await merging.encode(picture(1, 56, 112), { hiddenStates: true })
  // Merged behind block 1 of 3: the embeddings and two blocks have all patches.
  expect(hiddenStates.map(({ length }) => length / dims[1])).toEqual([32, 32, 32, 8])
})

test('SigLIP says what makes scores of its embeddings; others do not', async () => {
  using siglip = await load('siglip-map')
  expect(Object.values(siglip.logitScale ?? {}).map(Number.isFinite)).toEqual([true, true])
  expect(encoder.logitScale).toBeNull()
})
