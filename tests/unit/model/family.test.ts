import { expect, it } from 'vitest'
import { TOWER_ALONE, type VisionConfig } from '../../../src/model/config.js'
import { familyOf, positionsOf, resampleOf } from '../../../src/model/family.js'
import { layoutOf, type LayoutName } from '../../../src/model/layouts.js'

const tower: VisionConfig = {
  layers: 27,
  width: 1152,
  heads: 16,
  headSize: 72,
  mlp: 4304,
  patch: 14,
  table: 27,
  gelu: 'tanh',
  eps: 1e-6,
  ...TOWER_ALONE,
}

const FAMILIES = ['siglip', 'siglip2', 'naflex', 'idefics2', 'minicpm-v', 'minicpm-v-2.5', 'timm'] as const

it.each<[LayoutName, Partial<VisionConfig>, number | undefined, string]>([
  ['vision_model', {}, 32_000, 'siglip'],
  ['vision_model', {}, 256_000, 'siglip2'],
  ['vision_model', { embedding: 'linear' }, 256_000, 'naflex'],
  ['model.vision_model', {}, undefined, 'idefics2'],
  ['vpm', {}, undefined, 'minicpm-v'],
  ['model.vision_tower', {}, undefined, 'minicpm-v'],
  ['bare', {}, undefined, 'siglip'],
  ['bare', { resampler: { queries: 64, width: 3584 } }, undefined, 'minicpm-v'],
  ['timm', {}, undefined, 'timm'],
  ['vpm.timm', {}, undefined, 'timm'],
])('without config.json, %s with %j and %s words is of %s', (layout, more, words, family) => {
  expect(familyOf(layoutOf(layout), { ...tower, ...more }, null, words)).toBe(family)
})

it('is what config.json says, but of a tower of timm', () => {
  expect(familyOf(layoutOf('vpm'), tower, { family: 'minicpm-v-2.5' })).toBe('minicpm-v-2.5')
  expect(familyOf(layoutOf('bare'), tower, { family: 'timm' })).toBe('timm')
  expect(familyOf(layoutOf('vpm.timm'), tower, { family: 'minicpm-v' })).toBe('timm')
})

it('each family maps positions as its own code does; a table as large as that of MiniCPM-V is looked up in', () => {
  const of = (side: number) => Object.fromEntries(FAMILIES.map((family) => [family, positionsOf(family, side)]))
  const own = {
    siglip: 'bicubic',
    siglip2: 'bicubic',
    naflex: 'bilinear-antialias',
    idefics2: 'navit',
    'minicpm-v': 'navit',
    'minicpm-v-2.5': 'row0',
    timm: 'bicubic-antialias',
  }
  expect(of(27)).toEqual(own)
  expect(of(70)).toEqual({ ...own, siglip: 'navit', siglip2: 'navit' })
})

it('SigLIP 2 resizes by the bilinear filter', () => {
  expect(FAMILIES.filter((family) => resampleOf(family) === 'bilinear')).toEqual(['siglip2', 'naflex'])
})
