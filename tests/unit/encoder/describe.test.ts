import { describe, expect, it } from 'vitest'
import { encodeSafetensors, type TensorToWrite } from '../../../src/checkpoint/safetensors-write.js'
import { readSafetensors } from '../../../src/checkpoint/safetensors-read.js'
import { explain, type Choice, type Choices } from '../../../src/encoder/explain.js'
import { describeTower, withTower } from '../../../src/encoder/load.js'
import type { LoadOptions } from '../../../src/encoder/types.js'
import { familyFiles, type FamilyModel } from '../../support/families.js'
import { fixtureBytes, fixtureJson } from '../../support/fixture.js'
import { expectError } from '../checkpoint/safetensors-cases.js'

const { families } = await fixtureJson<{ families: readonly FamilyModel[] }>('tests/fixtures/families.json')
const checkpoints = families.filter(({ layout }) => layout !== 'big_vision')

async function files(name: string): Promise<File[]> {
  const fixture = families.find((one) => one.name === name)
  if (!fixture) throw new Error(`There is no fixture ${name}.`)
  return familyFiles(fixture)
}
const describeFixture = async (name: string, options: LoadOptions = {}) => describeTower(await files(name), options)
const explainFixture = async (name: string, options: LoadOptions = {}) =>
  withTower(await files(name), options, (checkpoint, tower) => Promise.resolve(explain(checkpoint, tower, options)))

/** The files of a fixture, with a changed config.json. */
async function withConfig(name: string, change: (config: Record<string, unknown>) => object): Promise<File[]> {
  const all = await files(name)
  const config = all.find((file) => file.name === 'config.json')
  const text = JSON.stringify(change(JSON.parse((await config?.text()) ?? '{}') as Record<string, unknown>))
  return [...all.filter((file) => file !== config), new File([text], 'config.json')]
}

/** What families.json does not tell. */
interface Expected {
  readonly family: string
  readonly resample?: 'bilinear'
  readonly embedding?: 'linear'
  readonly pooling?: object
  readonly resampler?: object
  readonly merger?: '4x' | '16x'
}

const EXPECTED: Readonly<Record<string, Expected>> = {
  'minicpmv-2_6': { family: 'minicpm-v', resampler: { queries: 8, width: 256 } },
  'minicpmv-4_5': { family: 'minicpm-v', resampler: { queries: 8, width: 256 } },
  'minicpmv-2_5': { family: 'minicpm-v-2.5', resampler: { queries: 6, width: 128 } },
  idefics2: { family: 'idefics2' },
  'siglip-980': { family: 'siglip', pooling: { mlp: 20 } },
  'siglip-map': { family: 'siglip', pooling: { mlp: 20 } },
  'siglip2-fixed': { family: 'siglip2', pooling: { mlp: 28 }, resample: 'bilinear' },
  'siglip2-naflex': { family: 'naflex', pooling: { mlp: 20 }, resample: 'bilinear', embedding: 'linear' },
  'minicpmv-4_6': { family: 'minicpm-v', merger: '16x' },
  'minicpmv-4_7': { family: 'minicpm-v', merger: '16x' },
  'minicpm-ocr': { family: 'minicpm-v', merger: '4x' },
  'minicpmv-4_6-model-vpm': { family: 'minicpm-v', merger: '16x' },
  'minicpmv-4_6-vpm': { family: 'minicpm-v', merger: '16x' },
  'timm-map': { family: 'timm', pooling: { mlp: 28 } },
  'timm-gap': { family: 'timm' },
  'minicpmv-2': { family: 'timm' },
}

describe.each(checkpoints)('$name', (fixture) => {
  it('is described as it was made, with the heads that it has', async () => {
    const expected = EXPECTED[fixture.name]
    const { resample = 'bicubic', embedding = 'conv', pooling = null, resampler = null, merger: mode } = expected ?? {}
    const tower = await describeTower(await familyFiles(fixture), {})
    expect(tower.model).toMatchObject({ layout: fixture.layout, family: expected?.family })
    expect(tower.model.config).toMatchObject({ ...fixture.shape, embedding, pooling, resampler })
    expect(tower.model.config.merger).toEqual(mode ? { mode, after: 1, windowMlp: 48, times: 1, width: 48 } : null)
    expect(tower.resample).toBe(resample)
  })

  it('reads the tower alone with heads none, and counts its bytes', async () => {
    const tower = await describeTower(await familyFiles(fixture), { heads: 'none' })
    expect(tower.model.config).toMatchObject({ pooling: null, resampler: null, merger: null })
    expect([...tower.tensors.keys()].filter((name) => /^(head|resampler|vit_merger|merger)\./.test(name))).toEqual([])
    expect(tower.tensors.size).toBe(16 * fixture.shape.layers + 5)
    const bytes = [...tower.tensors.values()].reduce((sum, { begin, end }) => sum + end - begin, 0)
    expect(tower.weightBytes).toBe(bytes)
  })

  it('has every byte of a packed tensor in one part, and no byte in two', async () => {
    const { tensors } = await describeTower(await familyFiles(fixture), {})
    const inOrder = [...tensors.values()].sort((a, b) =>
      a.file === b.file ? a.begin - b.begin : a.file < b.file ? -1 : 1,
    )
    for (const [i, { file, begin }] of inOrder.entries()) {
      const before = inOrder[i - 1]
      if (before?.file === file) expect(begin).toBeGreaterThanOrEqual(before.end)
    }
    const packed = inOrder.filter(({ part }) => part !== undefined)
    for (const name of new Set(packed.map((tensor) => tensor.name))) {
      const parts = packed.filter((tensor) => tensor.name === name)
      expect(parts, name).toHaveLength(name.includes('.kv.') ? 2 : 3)
      for (const [i, { begin }] of parts.slice(1).entries()) expect(begin).toBe(parts[i]?.end)
    }
  })
})

it('packed tensors are read part by part: query, key and value', async () => {
  const [file] = (await files('timm-map')).filter(({ name }) => name === 'model.safetensors')
  const stored = readSafetensors(new Uint8Array((await file?.arrayBuffer()) ?? new ArrayBuffer()))
  await withTower(await files('timm-map'), {}, async (checkpoint, { tensors }) => {
    const read = new Map([...tensors].map(([name, tensor]) => [tensor, { name, bytes: [] as Uint8Array[] }]))
    await checkpoint.stream(tensors.values(), ({ tensor, bytes }) => {
      read.get(tensor)?.bytes.push(bytes.slice())
    })
    const bytesOf = (canonical: string) =>
      Buffer.concat([...read.values()].find(({ name }) => name === canonical)?.bytes ?? [])
    const thirds = (name: string, parts: number) =>
      Array.from({ length: parts }, (_, i) => {
        const { data } = stored.get(name) ?? { data: new Uint8Array() }
        return Buffer.from(data.subarray((data.length / parts) * i, (data.length / parts) * (i + 1)))
      })
    const at = 'encoder.layers.1.self_attn'
    for (const kind of ['weight', 'bias']) {
      expect(['q', 'k', 'v'].map((x) => bytesOf(`${at}.${x}_proj.${kind}`))).toEqual(
        thirds(`blocks.1.attn.qkv.${kind}`, 3),
      )
      expect(['k', 'v'].map((x) => bytesOf(`head.attention.${x}_proj.${kind}`))).toEqual(
        thirds(`attn_pool.kv.${kind}`, 2),
      )
    }
    expect(tensors.get(`${at}.k_proj.weight`)).toMatchObject({
      name: 'blocks.1.attn.qkv.weight',
      part: 'k_proj.weight',
    })
    expect(tensors.get('embeddings.position_embedding.weight')?.shape).toEqual([25, 8])
    expect(tensors.get('head.probe')?.shape).toEqual([1, 8])
  })
})

describe('mergers', () => {
  it('within the tower are not read for 4x, asked or by config.json', async () => {
    const both = await describeFixture('minicpmv-4_6')
    const asked = await describeFixture('minicpmv-4_6', { merge: '4x' })
    const byConfig = await describeFixture('minicpm-ocr')
    expect(both.tensors.size - asked.tensors.size).toBe(16)
    expect(asked.weightBytes).toBeLessThan(both.weightBytes)
    expect([...byConfig.tensors.keys()]).toEqual([...asked.tensors.keys()])
    expect((await describeFixture('minicpm-ocr', { merge: '16x' })).tensors.size).toBe(both.tensors.size)
  })

  it('are asked for in vain where there are none, or are left out', async () => {
    await expectError(describeFixture('siglip-map', { merge: '4x' }), 'BAD_OPTION', '4x', 'no merger')
    await expectError(describeFixture('minicpmv-4_6', { merge: '16x', heads: 'none' }), 'BAD_OPTION', '16x', 'none')
  })

  it('that config.json tells of must be there, unless no heads are asked for', async () => {
    const named = { model_type: 'minicpmv4_6', text_config: { hidden_size: 48 } }
    const tower = await withConfig('minicpmv-2_6', (config) => ({ ...config, ...named }))
    await expectError(
      describeTower(tower, {}),
      'CONFIG_MISMATCH',
      'minicpmv4_6',
      'the tensors have none',
      "heads 'none'",
    )
    expect((await describeTower(tower, { heads: 'none' })).model.config.merger).toBeNull()
  })

  it('lie between blocks that are run', async () => {
    const late = await withConfig('minicpmv-4_6', (config) => ({ ...config, insert_layer_id: 3 }))
    await expectError(describeTower(late, {}), 'CONFIG_MISMATCH', 'index 3', '3 blocks')
    expect((await describeTower(late, { merge: '4x' })).model.config.merger?.mode).toBe('4x')
  })
})

describe('contradictions of config.json and the heads', () => {
  it.each([
    ['minicpmv-2_6', { query_num: 64 }, ['query_num 64', '8']],
    ['minicpmv-2_6', { hidden_size: 3584 }, ['hidden_size', '3584', '256']],
    ['minicpmv-4_6', { merger_times: 2 }, ['merger_times 2', '1']],
    ['minicpmv-4_6', { text_config: { hidden_size: 1024 } }, ['1024', '48']],
    ['siglip2-fixed', { model_type: 'siglip2' }, ['siglip2', 'linear', 'convolution']],
    ['siglip2-naflex', { model_type: 'siglip' }, ['siglip', 'linear', 'convolution']],
  ])('%s with %j', async (name, change, words) => {
    await expectError(
      describeTower(await withConfig(name, (c) => ({ ...c, ...change })), {}),
      'CONFIG_MISMATCH',
      ...words,
    )
  })

  it('a head that vision_use_head denies', async () => {
    const denied = await withConfig('siglip-map', ({ vision_config, ...config }) => {
      return { ...config, vision_config: { ...(vision_config as object), vision_use_head: false } }
    })
    await expectError(describeTower(denied, {}), 'CONFIG_MISMATCH', 'vision_use_head false', 'pooling head')
    expect((await describeTower(denied, { heads: 'none' })).model.config.pooling).toBeNull()
  })
})

describe('a checkpoint that lacks something', () => {
  /** One file of a fixture, edited. */
  async function edited(name: string, edit: (tensors: Map<string, TensorToWrite>) => void): Promise<File[]> {
    const all = await files(name)
    const file = all.find((one) => one.name === 'model.safetensors')
    const stored = readSafetensors(new Uint8Array((await file?.arrayBuffer()) ?? new ArrayBuffer()))
    const tensors = new Map([...stored].map(([key, tensor]) => [key, { name: key, ...tensor }]))
    edit(tensors)
    const parts = encodeSafetensors([...tensors.values()])
    return [...all.filter((one) => one !== file), new File(parts, 'model.safetensors')]
  }

  it.each([
    ['timm-map', 'blocks.1.attn.qkv.weight', [/* its three parts */ '2 more']],
    ['timm-map', 'attn_pool.latent', []],
    ['siglip-map', 'vision_model.head.attention.in_proj_bias', ['2 more']],
    ['minicpmv-4_6', 'model.vision_tower.vit_merger.linear_2.bias', []],
    ['minicpmv-4_6', 'model.merger.mlp.0.linear_1.weight', []],
    ['minicpmv-4_6-vpm', 'vit_merger.pre_norm.bias', []],
  ])('%s without %s is told by the name that the checkpoint would have', async (name, tensor, words) => {
    const without = await edited(name, (tensors) => tensors.delete(tensor))
    await expectError(describeTower(without, {}), 'TENSOR_MISSING', tensor, ...words)
  })

  it('names the stored tensor of a misshapen part, and rows that cannot be parted', async () => {
    const misshapen = (rows: number) =>
      edited('timm-map', (tensors) => {
        const name = 'blocks.0.attn.qkv.weight'
        tensors.set(name, { name, dtype: 'F32', shape: [rows, 8], data: new Float32Array(rows * 8) })
      })
    const words = ['blocks.0.attn.qkv.weight (q_proj.weight)', '[9, 8]', '[8, 8]']
    await expectError(describeTower(await misshapen(27), {}), 'TENSOR_SHAPE', ...words)
    await expectError(describeTower(await misshapen(25), {}), 'TENSOR_SHAPE', '[25, 8]', '3 tensors')
  })

  it('of a resampler whose width is no number of heads', async () => {
    const narrow = [
      { name: 'resampler.query', shape: [4, 96] },
      { name: 'resampler.proj', shape: [96, 96] },
    ].map(({ name, shape }) => {
      return { name, shape, dtype: 'F32', data: new Float32Array(shape.reduce((a, b) => a * b)) } as const
    })
    const bare = readSafetensors(
      new Uint8Array(await fixtureBytes('tests/fixtures/models/bare-mixed/model.safetensors')),
    )
    const all = [...[...bare].map(([name, tensor]) => ({ name, ...tensor })), ...narrow]
    const bytes = Buffer.concat(encodeSafetensors(all))
    await expectError(describeTower(new Uint8Array(bytes), {}), 'BAD_CONFIG', '96', '128')
  })
})

describe('what is chosen is explained', () => {
  it.each<[string, LoadOptions, Partial<Record<keyof Choices, RegExp>>]>([
    [
      'minicpmv-2_6',
      {},
      { layout: /^vpm: by the names/, gelu: /^tanh: SigLIP/, heads: /resampler of 8 queries × 256/ },
    ],
    ['minicpmv-2_5', {}, { family: /^minicpm-v-2.5: by config.json: model_type minicpmv/ }],
    ['siglip-map', {}, { gelu: /^tanh: by config.json: hidden_act/, heads: /^MAP head/, resample: /^bicubic/ }],
    ['siglip2-fixed', {}, { family: /^siglip2: by config.json/, resample: /^bilinear: as SigLIP 2/ }],
    ['siglip2-naflex', {}, { family: /^naflex: by config.json: model_type siglip2/ }],
    ['timm-map', {}, { gelu: /^erf: by config.json: vit_so400m_patch14/, family: /^timm: by the names/ }],
    [
      'minicpmv-2',
      {},
      { layers: /^2: by config.json: 3 blocks, less the last/, heads: /^none: .* 1.0 and 2.0 is not/ },
    ],
    ['minicpmv-4_6', {}, { merge: /^16x: by config.json: model_type minicpmv4_6/, heads: /^merger to 48/ }],
    ['minicpm-ocr', {}, { merge: /^4x: by config.json: downsample_mode/ }],
    ['minicpm-ocr', { merge: '16x' }, { merge: /^16x: as asked/ }],
    [
      'minicpmv-4_6',
      { layout: 'model.vision_tower', gelu: 'erf', layers: 2, positions: 'navit', heads: 'none' },
      {
        layout: /: as asked$/,
        gelu: /^erf: as asked$/,
        layers: /^2: as asked$/,
        positions: /^navit: as asked$/,
        heads: /^none: as asked$/,
      },
    ],
  ])('%s %j', async (name, options, expected) => {
    const choices = new Map<string, Choice>(Object.entries(await explainFixture(name, options)))
    for (const [what, pattern] of Object.entries(expected)) {
      const { value, reason } = choices.get(what) ?? {}
      expect(`${String(value)}: ${String(reason)}`, what).toMatch(pattern)
    }
  })
})
