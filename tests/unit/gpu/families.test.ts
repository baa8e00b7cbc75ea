import { expect, it } from 'vitest'
import { kernelFamily } from '../../../src/gpu/families.js'

it.each([
  [4, ['direct-8', 'direct-16', 'direct-32']],
  [8, ['direct-16', 'direct-32']],
  [undefined, ['direct-16', 'direct-32']],
  [16, ['direct-32']],
  [64, ['direct-32']],
])('attention fills the %s lanes of a rasteriser', async (lanes, expected) => {
  const family = await kernelFamily({ arithmetic: 'f32', software: true, lanes, matrix: null })
  const kernels = family.attention({ heads: 16, headSize: 72, type: 'f32' })
  expect(kernels.map(({ variant }) => variant)).toEqual(expected)
  for (const { invocations } of kernels) expect(invocations).toBeGreaterThanOrEqual(Math.min(lanes ?? 8, 16))
})
