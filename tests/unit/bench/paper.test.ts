import { expect, it } from 'vitest'
import { paperBound, paperCost } from '../../../src/bench/paper.js'
import { matmulOf } from '../../support/kernels.js'

// QKV of one block at 448×448 by hand: [1024,1152] f32 times [3456,1152] bf16, tiles of 64×64.
const kernel = matmulOf({
  ...{ K: 1152, N: 3456, weight: 'bf16', input: 'f32', output: 'f32', epilogue: 'bias', tile: '64x64' },
})
const run = { P: 1024 }
const FLOPS = 2 * 1024 * 1152 * 3456
const X = 1024 * 1152 * 4
const WEIGHT = 3456 * 1152 * 2
const Y = 1024 * 3456 * 4
const ASKED = 54 * X + 16 * WEIGHT + Y // x once for each of 54 columns of tiles, weights for each of 16 rows
const LEAST = X + WEIGHT + Y + 2 * 3456 * 4 + 16 // and bias, in the residual's place too, and size

it('costs a tile what arithmetic by hand says', () => {
  const cost = paperCost(kernel, run)
  expect(cost).toEqual({
    ...{ flops: FLOPS, askedBytes: ASKED, leastBytes: LEAST, workgroups: 54 * 16 },
    intensity: FLOPS / ASKED,
  })
  expect(cost.intensity).toBeCloseTo(20.57, 2)
})

const device = { name: 'of the test', f32: 50e12, matrix: null, bandwidth: 2e12, cores: 100 }

it('bounds it by arithmetic, on cores of which some wait for the last', () => {
  const bound = paperBound(device, kernel, run)
  // 864 workgroups on 100 cores are 9 rounds, the last of 64.
  expect(bound).toMatchObject({ by: 'arithmetic', fill: 864 / 900 })
  expect(bound?.ms).toBeCloseTo((1e3 * FLOPS) / (50e12 * 0.96), 9)
  expect(bound?.reuse).toBeCloseTo(50e12 / (FLOPS / ASKED) / 2e12, 9)
})

it('bounds it by memory where that is slower', () => {
  const bound = paperBound({ ...device, bandwidth: 1e10 }, kernel, run)
  expect(bound?.by).toBe('memory')
  expect(bound?.ms).toBeCloseTo(LEAST / 1e7, 9)
})

it('gives no bound for matrix units that a device lacks', () => {
  const matrix = { ...kernel, code: 'subgroupMatrixMultiplyAccumulate' }
  expect(paperBound(device, matrix, run)).toBeNull()
  expect(paperBound({ ...device, matrix: 500e12 }, matrix, run)?.ms).toBeLessThan(0.02)
})
