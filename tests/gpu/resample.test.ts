/** The filter by which pictures are resized is the checkpoint's, where the caller does not say. */
import { expect, test } from 'vitest'
import { VisionEncoder, type RawPixels } from '../../src/index.js'
import { testGpu } from '../support/device.js'
import { familyFiles, type FamilyModel } from '../support/families.js'
import { fixtureJson } from '../support/fixture.js'
import { random } from '../support/numbers.js'

const { families } = await fixtureJson<{ families: readonly FamilyModel[] }>('tests/fixtures/families.json')
const noise = random(3)
const picture: RawPixels = {
  width: 90,
  height: 70,
  data: Uint8Array.from({ length: 90 * 70 * 3 }, () => Math.floor(128 + 127 * noise())),
}

test.each([
  ['siglip-map', 'bicubic', 'bilinear'],
  ['siglip2-fixed', 'bilinear', 'bicubic'],
] as const)('%s: %s', async (name, own, other) => {
  const model = families.find((family) => family.name === name)
  if (!model) throw new Error(`There is no fixture ${name}.`)
  const encoder = await VisionEncoder.load(await familyFiles(model), { gpu: await testGpu(), precision: 'f32' })
  try {
    const { table, patch } = encoder.model.config
    const size = table * patch
    const { tokens } = await encoder.encode(picture, { size })
    expect(tokens).toEqual((await encoder.encode(picture, { size, resample: own })).tokens)
    expect(tokens).not.toEqual((await encoder.encode(picture, { size, resample: other })).tokens)
  } finally {
    encoder.dispose()
  }
})
