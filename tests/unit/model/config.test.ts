import { describe, expect, it } from 'vitest'
import { checkNetwork, storedTensors } from '../../../src/model/check.js'
import { resolveConfig, TOWER_ALONE, type TensorShape, type VisionConfig } from '../../../src/model/config.js'
import { readVisionJson } from '../../../src/model/config-json.js'
import { towerTensors } from '../../../src/model/layouts.js'
import { expectError } from '../checkpoint/safetensors-cases.js'

const so400m = { layers: 27, width: 1152, mlp: 4304, patch: 14, table: 70 }

/** vision_config of MiniCPM-V 2.6. */
const visionJson = {
  hidden_size: 1152,
  image_size: 980,
  intermediate_size: 4304,
  model_type: 'siglip',
  num_attention_heads: 16,
  num_hidden_layers: 27,
  patch_size: 14,
}
/** Its config.json, where it matters: sizes at the top are not the tower's. */
const minicpm = {
  model_type: 'minicpmv',
  hidden_size: 3584,
  num_hidden_layers: 28,
  image_size: 448,
  patch_size: 14,
  drop_vision_last_layer: false,
  vision_config: visionJson,
}

function tower(overrides: Partial<typeof so400m> = {}, dtype = 'BF16'): Map<string, TensorShape> {
  return new Map(towerTensors({ ...so400m, ...overrides }).map(({ name, shape }) => [name, { shape, dtype }]))
}

type Json = Readonly<Record<string, unknown>> | null
type Tensors = ReadonlyMap<string, TensorShape>

function resolve(config: Json, tensors: Tensors = tower(), more: { gelu?: 'tanh' | 'erf'; layers?: number } = {}) {
  return resolveConfig({ tensors, json: config && readVisionJson(config), ...more })
}

function check(config: VisionConfig, tensors: Tensors, prefix = '', json: Json = null) {
  const expected = storedTensors(towerTensors(config), tensors)
  const nameOf = (name: string) => prefix + name
  return checkNetwork({ config, json: json && readVisionJson(json), expected, tensors, nameOf })
}

const published = {
  layers: 27,
  width: 1152,
  heads: 16,
  headSize: 72,
  mlp: 4304,
  patch: 14,
  table: 70,
  gelu: 'tanh',
  eps: 1e-6,
  ...TOWER_ALONE,
}

describe('where the numbers come from', () => {
  it.each([
    ['config.json of MiniCPM-V', minicpm],
    ['config.json of SigLIP', { model_type: 'siglip', vision_config: visionJson }],
    ['a vision config alone', visionJson],
    ['a vision config that leaves defaults out', { vision_config: { model_type: 'siglip_vision_model' } }],
    ['the tensors alone', null],
  ])('%s', (_, config) => expect(resolve(config)).toEqual(published))

  it('the tensors alone, for the small towers of tests', () => {
    const tensors = tower({ layers: 3, width: 144, mlp: 528 })
    expect(resolve(null, tensors)).toMatchObject({ layers: 3, width: 144, heads: 2, headSize: 72, mlp: 528 })
  })

  it('heads and epsilon that only config.json can tell', () => {
    const config = { vision_config: { ...visionJson, num_attention_heads: 8, layer_norm_eps: 1e-5 } }
    expect(resolve(config)).toMatchObject({ heads: 8, headSize: 144, eps: 1e-5 })
  })

  it("SigLIP's 12 heads, where config.json leaves them out but tells the width, as transformers 4 wrote it", () => {
    const tensors = tower({ layers: 2, width: 144, mlp: 272, patch: 16, table: 5 })
    const config = { vision_config: { model_type: 'siglip_vision_model', hidden_size: 144, image_size: 80 } }
    expect(resolve(config, tensors)).toMatchObject({ heads: 12, headSize: 12 })
  })

  it("NaFlex's table and flat patches", () => {
    const tensors = tower({ table: 16 }).set('embeddings.patch_embedding.weight', { shape: [1152, 768], dtype: 'F32' })
    const { image_size: _, ...vision } = { ...visionJson, model_type: 'siglip2_vision_model', patch_size: 16 }
    for (const config of [null, vision, { model_type: 'siglip2', vision_config: { ...vision, num_patches: 256 } }]) {
      expect(resolve(config, tensors)).toMatchObject({ embedding: 'linear', patch: 16, table: 16 })
    }
  })

  it('a table of fewer patches than the picture has (384 / 14 = 27.4)', () => {
    const config = { ...visionJson, image_size: 384 }
    expect(resolve(config, tower({ table: 27 })).table).toBe(27)
  })
})

describe('the GELU', () => {
  it.each([
    ['gelu_pytorch_tanh', 'tanh'],
    ['gelu_new', 'tanh'],
    ['gelu', 'erf'],
  ])('hidden_act %s is the %s form', (hidden_act, gelu) => {
    expect(resolve({ ...visionJson, hidden_act }).gelu).toBe(gelu)
  })

  it("is the caller's before config.json's", () => {
    expect(resolve({ ...visionJson, hidden_act: 'gelu' }, tower(), { gelu: 'tanh' }).gelu).toBe('tanh')
    expect(resolve(null, tower(), { gelu: 'erf' }).gelu).toBe('erf')
    expect(resolve({ ...visionJson, hidden_act: 'relu' }, tower(), { gelu: 'erf' }).gelu).toBe('erf')
  })

  it("of timm's towers is the erf form where patches are of 14, unless config.json says otherwise", () => {
    const timm = (patch: number, config: Json = null) =>
      resolveConfig({ tensors: tower({ patch }), json: config && readVisionJson(config), timm: true }).gelu
    expect([timm(14), timm(16)]).toEqual(['erf', 'tanh'])
    expect(timm(14, { architecture: 'vit_so400m_patch14_siglip_980', model_args: { act_layer: 'gelu_tanh' } })).toBe(
      'tanh',
    )
  })

  it('of another kind is refused', () =>
    expectError(() => resolve({ ...visionJson, hidden_act: 'quick_gelu' }), 'BAD_CONFIG', 'hidden_act', 'quick_gelu'))
})

describe('the blocks that are run', () => {
  const dropping = { ...minicpm, drop_vision_last_layer: true }
  const { drop_vision_last_layer: _, ...silent } = minicpm

  it('are all but the last with drop_vision_last_layer, whether the file has it or not', () => {
    expect(resolve(dropping, tower({ layers: 27 })).layers).toBe(26)
    expect(resolve(dropping, tower({ layers: 26 })).layers).toBe(26)
  })

  it('are all but the last when MiniCPM leaves the key out, as its configuration class has it', () => {
    expect(resolve(silent).layers).toBe(26)
    expect(resolve({ ...silent, model_type: 'siglip' }).layers).toBe(27)
  })

  it('are 26 of MiniCPM-V 2.0, whose file names a So400m and lacks the last block', () => {
    const named = { model_type: 'minicpmv', vision_encoder: 'vit_so400m_patch14_siglip_384.webli' }
    expect(resolve(named, tower({ layers: 26, table: 27 })).layers).toBe(26)
    expect(resolve(named, tower({ layers: 27, table: 27 })).layers).toBe(26)
    expect(resolve({ ...named, drop_vision_last_layer: false }, tower({ layers: 27 })).layers).toBe(27)
    // Of another width, it is not that So400m; the released code never saves the block that it drops.
    expect(resolve(named, tower({ layers: 2, width: 144, mlp: 272 })).layers).toBe(2)
    return expectError(() => resolve(named, tower({ layers: 25 })), 'CONFIG_MISMATCH', 27, 25)
  })

  it('must be those of the file', async () => {
    await expectError(() => resolve(minicpm, tower({ layers: 26 })), 'CONFIG_MISMATCH', 27, 26)
    await expectError(() => resolve(minicpm, tower({ layers: 28 })), 'CONFIG_MISMATCH', 27, 28)
    await expectError(() => resolve(dropping, tower({ layers: 25 })), 'CONFIG_MISMATCH', 27, 25)
    await expectError(() => resolve(null, tower({ layers: 0 })), 'TENSOR_MISSING')
  })

  it('cannot be guessed when one is dropped of an unknown number', async () => {
    const { num_hidden_layers: __, ...vision } = visionJson
    await expectError(() => resolve({ ...dropping, vision_config: vision }), 'BAD_CONFIG', 'num_hidden_layers')
  })

  it("are the caller's, of those in the file", async () => {
    expect(resolve(minicpm, tower(), { layers: 3 }).layers).toBe(3)
    expect(resolve(minicpm, tower({ layers: 4 }), { layers: 4 }).layers).toBe(4)
    for (const layers of [0, 28, 1.5, NaN]) {
      await expectError(() => resolve(minicpm, tower(), { layers }), 'BAD_OPTION', layers, 27)
    }
  })
})

describe('contradictions', () => {
  it.each([
    ['hidden_size', 1024, 1152],
    ['patch_size', 16, 14],
    ['intermediate_size', 4096, 4304],
  ])('%s %i, tensors %i', async (key, stated, found) => {
    await expectError(() => resolve({ ...visionJson, [key]: stated }), 'CONFIG_MISMATCH', key, stated, found)
  })

  it('image_size 384 with a table of 70', () =>
    expectError(() => resolve({ ...visionJson, image_size: 384 }), 'CONFIG_MISMATCH', 'image_size', 27, 70))

  it.each([
    ['embeddings.patch_embedding.weight', [1150, 3, 14, 14]],
    ['encoder.layers.0.mlp.fc1.bias', [4300]],
    ['encoder.layers.0.mlp.fc2.weight', [1152, 4300]],
    ['post_layernorm.weight', [1151]],
  ])('one misshapen tensor (%s) is no contradiction, but that tensor', async (name, shape) => {
    for (const config of [minicpm, null]) {
      const tensors = tower().set(name, { shape, dtype: 'BF16' })
      await expectError(() => check(resolve(config, tensors), tensors, 'vpm.'), 'TENSOR_SHAPE', `vpm.${name}`)
    }
  })
})

describe('networks that cannot be run', () => {
  it.each([
    ['heads that do not divide the width', { ...visionJson, num_attention_heads: 7 }, {}, ['1152', '7']],
    ['a width that is no multiple of 72, without config.json', null, { width: 100 }, ['100', '72']],
    ['a head size of 6', { ...visionJson, num_attention_heads: 192 }, {}, ['6', 'multiple of 4']],
    ['an MLP of 4302', null, { mlp: 4302 }, ['4302', 'multiple of 4']],
    ['patches of 15', null, { patch: 15 }, ['675', 'multiple of 4']],
    ['four channels', { ...visionJson, num_channels: 4 }, {}, ['num_channels', '4']],
    ['a language model', { model_type: 'llama', hidden_size: 1152 }, {}, ['vision_config']],
    ['a vision_config that is no object', { vision_config: 'x' }, {}, ['vision_config']],
    ['a number that is none', { ...visionJson, hidden_size: '1152' }, {}, ['hidden_size', '"1152"']],
    ['a negative number', { ...visionJson, num_hidden_layers: -1 }, {}, ['num_hidden_layers', '-1']],
    ['an epsilon of 0', { ...visionJson, layer_norm_eps: 0 }, {}, ['layer_norm_eps', '0']],
    [
      'a drop_vision_last_layer that is no boolean',
      { ...minicpm, drop_vision_last_layer: 1 },
      {},
      ['drop_vision_last_layer'],
    ],
  ])('%s', async (_, config, shape, words) => {
    const tensors = tower(shape)
    await expectError(() => check(resolve(config, tensors), tensors, '', config), 'BAD_CONFIG', ...words)
  })

  it('a table that is not square', () => {
    const tensors = tower().set('embeddings.position_embedding.weight', { shape: [4899, 1152], dtype: 'F32' })
    return expectError(() => check(resolve(null, tensors), tensors), 'BAD_CONFIG', 4899)
  })

  it('flat patches of no square', () => {
    const tensors = tower().set('embeddings.patch_embedding.weight', { shape: [1152, 765], dtype: 'F32' })
    return expectError(() => check(resolve(null, tensors), tensors), 'BAD_CONFIG', 765)
  })
})

describe('checking the tower', () => {
  const config = resolve(minicpm)

  it('accepts a complete one, of mixed dtypes, with other tensors beside it', () => {
    const tensors = tower()
      .set('post_layernorm.bias', { shape: [1152], dtype: 'F32' })
      .set('x', { shape: [], dtype: 'I8' })
    return check(config, tensors)
  })

  it('names the first missing tensor, its shape, and how many more', async () => {
    const tensors = tower()
    for (const name of ['encoder.layers.3.mlp.fc1.weight', 'encoder.layers.9.mlp.fc1.weight', 'post_layernorm.bias'])
      tensors.delete(name)
    const words = ['vpm.encoder.layers.3.mlp.fc1.weight', '[4304, 1152]', '2 more']
    await expectError(() => check(config, tensors, 'vpm.'), 'TENSOR_MISSING', ...words)
    expect(resolve(minicpm, tensors)).toEqual(config)
  })

  it('reports a missing patch embedding or table as missing', async () => {
    for (const name of ['embeddings.patch_embedding.weight', 'embeddings.position_embedding.weight']) {
      const tensors = tower()
      tensors.delete(name)
      await expectError(() => check(resolve(minicpm, tensors), tensors), 'TENSOR_MISSING', name)
      await expectError(() => resolve(null, tensors), 'TENSOR_MISSING')
    }
  })

  it('names a misshapen tensor, expected and found shape', async () => {
    const name = 'encoder.layers.1.self_attn.q_proj.weight'
    const tensors = tower().set(name, { shape: [1152, 1151], dtype: 'F16' })
    await expectError(() => check(config, tensors), 'TENSOR_SHAPE', name, '[1152, 1151]', '[1152, 1152]')
    tensors.set(name, { shape: [1152, 1152, 1], dtype: 'F16' })
    await expectError(() => check(config, tensors), 'TENSOR_SHAPE', name, '[1152, 1152, 1]')
  })

  it('takes int8 for the matrices of blocks, with their scales', async () => {
    const name = 'encoder.layers.1.self_attn.q_proj.weight'
    const tensors = tower().set(name, { shape: [1152, 1152], dtype: 'I8' })
    await expectError(() => check(config, tensors), 'TENSOR_MISSING', `${name}_scale`, '[1152]')
    tensors.set(`${name}_scale`, { shape: [1152, 1], dtype: 'F16' })
    await expectError(() => check(config, tensors), 'TENSOR_SHAPE', `${name}_scale`)
    tensors.set(`${name}_scale`, { shape: [1152], dtype: 'F16' })
    await check(config, tensors)
  })

  it('names a tensor of a dtype that is no weight', () =>
    expectError(
      () => check(config, tower({}, 'I8')),
      'TENSOR_DTYPE',
      'embeddings.patch_embedding.weight',
      'I8',
      '436 more',
    ))
})
