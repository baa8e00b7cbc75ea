import { expect, it } from 'vitest'
import { resolveArithmetics, type Arithmetic } from '../../../src/gpu/arithmetic.js'
import { SUBGROUP_MATRIX, SUBGROUP_SIZE_CONTROL } from '../../../src/gpu/features.js'
import { matrixShape, matrixUnits } from '../../../src/gpu/matrix-units.js'
import type { MatrixConfig, MatrixUnits } from '../../../src/gpu/types.js'

const gpu = { vendor: 'nvidia', software: false, matrixUnits: null }
const halves = { component: 'f16', result: 'f32', M: 16, N: 16, K: 16 } as const
const floats = { component: 'f32', result: 'f32', M: 8, N: 8, K: 8 } as const
const units = { lanes: 32, demand: false, largest: 32, configs: [halves] }

/** On a device as `choosePlan` sees it. */
function resolve(wanted: Arithmetic | 'auto', precision: 'f32' | 'f16', device: typeof gpu | With) {
  return resolveArithmetics(wanted, precision, { ...device, matrix: matrixShape(device.matrixUnits, precision) })
}

type With = Omit<typeof gpu, 'matrixUnits'> & { readonly matrixUnits: MatrixUnits | null }

it.each([
  ['f16 sums on a GPU in precision f16', 'f16', gpu, ['f16', 'f32']],
  ['f32 sums in precision f32', 'f32', gpu, ['f32']],
  ['f32 sums where f16 is no faster', 'f16', { ...gpu, vendor: 'apple' }, ['f32']],
  ['f32 sums on a rasteriser', 'f16', { ...gpu, software: true, matrixUnits: units }, ['f32']],
  ['matrices first, where they are', 'f16', { ...gpu, matrixUnits: units }, ['matrix', 'f16', 'f32']],
  ['no matrices of f16 in precision f32', 'f32', { ...gpu, matrixUnits: units }, ['f32']],
  [
    'matrices of f32 in precision f32',
    'f32',
    { ...gpu, matrixUnits: { ...units, configs: [floats] } },
    ['matrix', 'f32'],
  ],
  [
    'no matrices of subgroups of unknown size',
    'f16',
    { ...gpu, matrixUnits: { ...units, lanes: null } },
    ['f16', 'f32'],
  ],
] as const)('auto takes %s', (_, precision, device, expected) => {
  expect(resolve('auto', precision, device)).toEqual(expected)
})

it('takes what is asked for, unless it cannot be', () => {
  expect(resolve('f32', 'f16', gpu)).toEqual(['f32'])
  expect(resolve('f16', 'f16', { ...gpu, software: true })).toEqual(['f16'])
  expect(resolve('matrix', 'f16', { ...gpu, software: true, matrixUnits: units })).toEqual(['matrix'])
  expect(() => resolve('f16', 'f32', gpu)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
  expect(() => resolve('matrix', 'f16', gpu)).toThrow(expect.objectContaining({ code: 'NO_FEATURE' }))
})

it('wants f16 with f32 sums most, then f32, then f16 sums; the largest shape that divides the tiles', () => {
  const sums16 = { ...halves, result: 'f16' } as const
  const huge = { ...halves, M: 32, N: 32, K: 32 }
  const narrow = { ...halves, N: 8 }
  const best = (...configs: MatrixConfig[]) => matrixShape({ ...units, configs }, 'f16')
  expect(best(sums16, floats, narrow, huge, halves)).toMatchObject(halves)
  expect(best(sums16, floats)).toMatchObject(floats)
  expect(best(sums16)).toMatchObject(sums16)
  expect(best(huge)).toBeNull()
})

it('knows the size of subgroups, or says that it does not', () => {
  const lanes = (vendor: string, least: number, largest: number, ...features: string[]) => {
    const subgroupMatrixConfigs = [{ componentType: 'f16', resultComponentType: 'f32', M: 8, N: 16, K: 16 }]
    const info = { vendor, subgroupMinSize: least, subgroupMaxSize: largest, subgroupMatrixConfigs }
    const all = new Set<string>([SUBGROUP_MATRIX, ...features]) as unknown as GPUSupportedFeatures
    const found = matrixUnits(info as unknown as GPUAdapterInfo, all)
    return found && [found.lanes, found.demand]
  }
  expect(lanes('nvidia', 32, 32)).toEqual([32, false])
  expect(lanes('intel', 8, 32, SUBGROUP_SIZE_CONTROL)).toEqual([16, true])
  expect(lanes('amd', 32, 64, SUBGROUP_SIZE_CONTROL)).toEqual([32, true])
  expect(lanes('intel', 8, 32)).toEqual([null, false])
  expect(lanes('apple', 4, 64)).toEqual([32, false])
})
