import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { choosePlan } from '../../src/encoder/choose.js'
import { Gpu } from '../../src/gpu/device.js'
import { checkProduct } from '../../src/gpu/matrix-check.js'
import { compile } from '../../src/gpu/pipeline.js'
import type { Kernel } from '../../src/gpu/kernel.js'
import { sovit400m } from '../../src/bench/synthetic.js'
import { testGpu } from '../support/device.js'
import { matmulOf } from '../support/kernels.js'

let gpu: Gpu
beforeAll(async () => {
  gpu = await Gpu.open({ gpu: await testGpu() })
})
afterAll(() => gpu.dispose())

async function check(kernel: Kernel): Promise<void> {
  for (const pipeline of (await compile(gpu.device, [kernel])).values()) await checkProduct(gpu, pipeline)
}

describe('the check of a product', () => {
  const product = { K: 144, N: 68, input: 'f32', output: 'f32', epilogue: 'residual' } as const

  it.each(['f32', 'bf16', 'f16'] as const)('passes what is right: %s', async (weight) => {
    await check(matmulOf({ ...product, weight, tile: '32x32' }))
    expect(gpu.memory.count).toBe(0)
  })

  it('refuses what is wrong, and leaves nothing behind', async () => {
    const kernel = matmulOf({ ...product, weight: 'f32', tile: '32x32' })
    const wrong = kernel.code.replace('k4 < K / 4u; k4 +=', 'k4 < K / 4u - K_STEP / 4u; k4 +=')
    expect(wrong).not.toBe(kernel.code)
    await expect(check({ ...kernel, code: wrong })).rejects.toMatchObject({ code: 'SHADER' })
    expect(gpu.memory.count).toBe(0)
  })
})

it('goes on with the next arithmetic where a driver refuses matrices', async ({ skip }) => {
  skip(!gpu.has('shader-f16'), 'no shader-f16')
  // No device has matrices of this shape.
  const configs = [{ component: 'f16', result: 'f32', M: 8, N: 8, K: 16 }] as const
  const info = { ...gpu.info, software: false, matrixUnits: { lanes: 8, demand: false, largest: 8, configs } }
  const pretending = Object.create(gpu, { info: { value: info }, device: { value: gpu.device } }) as Gpu
  const tower = { positions: 'table' as const, config: sovit400m(1), tensors: new Map() }
  const chosen = await choosePlan(pretending, tower, 'f16', { tuning: false })
  expect(chosen.arithmetic).toBe('f16')
  await expect(choosePlan(pretending, tower, 'f16', { tuning: false, arithmetic: 'matrix' })).rejects.toMatchObject({
    code: 'SHADER',
  })
})
