import { beforeAll, expect, it } from 'vitest'
import { gatherRows, type GatherRowsSpec } from '../../../src/gpu/kernels/gather-rows.js'
import { testDevice } from '../../support/device.js'
import { random } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

interface Case extends GatherRowsSpec {
  readonly P: number
}

/** Threads below and above a workgroup (64 fours), and more workgroups than one dimension takes. */
const CASES: readonly Case[] = [
  { P: 1, C: 4, type: 'f32' },
  { P: 33, C: 36, type: 'f16' },
  { P: 260, C: 1152, type: 'f32' },
  { P: 2050, C: 8192, type: 'f16' },
]

it.each(CASES)('gathers [$P,$C] of $type bit by bit, in any order', async (of) => {
  const { P, C, type } = of
  const words = (C * (type === 'f32' ? 4 : 2)) / 4
  const next = random(1)
  // Any bits at all: NaN and subnormals too.
  const x = Uint32Array.from({ length: P * words }, () => next() * 2 ** 32)
  // Any rows, some of them twice.
  const order = Uint32Array.from({ length: P }, () => next() * P)
  const { y } = await runKernel(device, gatherRows(of), { x, order, size: Uint32Array.of(P, 0, 0, 0) }, { P })
  const expected = new Uint32Array(P * words)
  order.forEach((row, p) => expected.set(x.subarray(row * words, (row + 1) * words), p * words))
  expect(y?.findIndex((word, i) => word !== expected[i])).toBe(-1)
  expect(y).toHaveLength(expected.length)
})

it('refuses a width that its vectors cannot hold', () => {
  expect(() => gatherRows({ C: 38, type: 'f32' })).toThrow('C = 38')
})
