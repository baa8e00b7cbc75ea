import { beforeAll, expect, it } from 'vitest'
import { meanRows } from '../../../src/gpu/kernels/mean-rows.js'
import { testDevice } from '../../support/device.js'
import { compare, encode, normals } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

// Threads below and above a workgroup (64 vectors). Worst of lavapipe and SwiftShader: nmse 1.7e-15, maxAbs 2.4e-7.
it.each([
  [1, 4],
  [13, 36],
  [256, 1152],
])('[4·%i,%i]: the mean of four rows, as in f64', async (P, C) => {
  const x = encode(normals(4 * P * C, 1), 'f32')
  const { y } = await runKernel(device, meanRows({ C }), { x, size: Uint32Array.of(P, 0, 0, 0) }, { P })
  if (!y) throw new Error('mean_rows gave no y')
  const expected = Float64Array.from({ length: P * C }, (_, i) => {
    const at = 4 * C * Math.floor(i / C) + (i % C)
    return ((x[at] ?? NaN) + (x[at + C] ?? NaN) + (x[at + 2 * C] ?? NaN) + (x[at + 3 * C] ?? NaN)) / 4
  })
  const errors = compare(new Float32Array(y.buffer, y.byteOffset, P * C), expected)
  expect(errors.nmse).toBeLessThan(7e-15)
  expect(errors.maxAbs).toBeLessThan(1e-6)
})

it('spreads more than 65535 workgroups over two dimensions', () => {
  expect(meanRows({ C: 256 }).workgroups({ P: 65_535 })).toEqual([65_535, 1, 1])
  expect(meanRows({ C: 256 }).workgroups({ P: 65_536 })).toEqual([65_535, 2, 1])
})

it('refuses a width that its vectors cannot hold', () => {
  expect(() => meanRows({ C: 38 })).toThrow('C = 38')
})
