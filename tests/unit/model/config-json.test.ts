import { describe, expect, it } from 'vitest'
import { readVisionJson } from '../../../src/model/config-json.js'
import { expectError } from '../checkpoint/safetensors-cases.js'

const so400m = {
  hidden_size: 1152,
  num_attention_heads: 16,
  num_hidden_layers: 27,
  intermediate_size: 4304,
  patch_size: 14,
}
const vision = (more: object = {}) => ({ ...so400m, image_size: 980, ...more })

/** The files of the hub, where they matter here. */
const SIGLIP2 = { model_type: 'siglip', text_config: { vocab_size: 256_000 }, vision_config: vision() }
const NAFLEX = {
  model_type: 'siglip2',
  vision_config: { ...so400m, model_type: 'siglip2_vision_model', patch_size: 16, num_patches: 256 },
}
const V25 = {
  model_type: 'minicpmv',
  hidden_size: 4096,
  query_num: 96,
  vision_config: vision({ model_type: 'idefics2' }),
}
const V26 = {
  model_type: 'minicpmv',
  hidden_size: 3584,
  query_num: 64,
  vision_config: vision({ model_type: 'siglip' }),
}
const O26 = { model_type: 'minicpmo', hidden_size: 3584, query_num: 64, vision_config: vision() }
const V46 = {
  model_type: 'minicpmv4_6',
  insert_layer_id: 6,
  text_config: { hidden_size: 1024 },
  vision_config: vision({ model_type: 'minicpmv4_6_vision' }),
}
const OCR = { model_type: 'minicpm_ocr', text_config: { hidden_size: 1024 }, vision_config: vision() }
const TIMM = {
  architecture: 'vit_so400m_patch14_siglip_384',
  num_classes: 0,
  num_features: 1152,
  global_pool: 'map',
  pretrained_cfg: { input_size: [3, 384, 384], interpolation: 'bicubic' },
}
/** It has no vision_config; what is at the top is the language model's. */
const V2 = {
  model_type: 'minicpmv',
  vision_encoder: 'vit_so400m_patch14_siglip_384.webli',
  drop_vision_last_layer: true,
  hidden_size: 2304,
  hidden_act: 'silu',
  num_hidden_layers: 40,
  query_num: 64,
  patch_size: 14,
  image_size: 448,
}

describe('whose config.json it is', () => {
  it.each([
    [
      'SigLIP',
      { model_type: 'siglip', text_config: { vocab_size: 32_000 }, vision_config: vision() },
      'siglip',
      'conv',
    ],
    ['SigLIP 2 of a fixed size', SIGLIP2, 'siglip2', 'conv'],
    ['SigLIP 2 NaFlex', NAFLEX, 'naflex', 'linear'],
    [
      'Idefics2',
      { model_type: 'idefics2', vision_config: vision({ model_type: 'idefics2_vision' }) },
      'idefics2',
      'conv',
    ],
    ['MiniCPM-Llama3-V 2.5', V25, 'minicpm-v-2.5', 'conv'],
    ['MiniCPM-V 2.6', V26, 'minicpm-v', 'conv'],
    ['MiniCPM-o 2.6', O26, 'minicpm-v', 'conv'],
    ['MiniCPM-V 4.6', V46, 'minicpm-v', 'conv'],
    ['MiniCPM-OCR', OCR, 'minicpm-v', 'conv'],
    ['timm', TIMM, 'timm', 'conv'],
    ['MiniCPM-V 2.0', V2, 'timm', 'conv'],
    ['a vision config alone', vision(), undefined, undefined],
    ['another model with a vision tower', { model_type: 'lfm2_vl', vision_config: vision() }, undefined, undefined],
    ['a record of ours', { ...vision(), family: 'siglip2' }, 'siglip2', undefined],
  ])('%s', (_, config, family, embedding) => expect(readVisionJson(config)).toMatchObject({ family, embedding }))
})

describe('what lies behind the tower', () => {
  it('is wide as the language model, by the file that says so', () => {
    expect(readVisionJson(V26)).toMatchObject({ languageWidth: 3584, queries: 64, merger: undefined })
    expect(readVisionJson(V46)).toMatchObject({ languageWidth: 1024 })
    expect(readVisionJson(vision()).languageWidth).toBeUndefined()
  })

  it.each([
    ['as stated', { ...V46, insert_layer_id: 9, downsample_mode: '4x', merger_times: 2 }, 9, '4x', true, 2],
    ['by the defaults of 4.6', V46, 6, '16x', false, undefined],
    ['by the defaults of OCR', OCR, 6, '4x', false, undefined],
    ['OCR in the other mode', { ...OCR, downsample_mode: '16x' }, 6, '16x', true, undefined],
    ['of 4.7', { ...V46, model_type: 'minicpmv4_7' }, 6, '16x', false, undefined],
    ['of an older file that only says where', { ...V26, insert_layer_id: 6 }, 6, '16x', false, undefined],
    ['by the vision config alone', vision({ model_type: 'minicpmv4_6_vision' }), 6, '16x', false, undefined],
  ])('merges %s', (_, config, after, mode, stated, times) => {
    expect(readVisionJson(config).merger).toEqual({ after, mode, stated, times })
  })

  it.each<[string, Readonly<Record<string, unknown>>, ...string[]]>([
    [
      'windows of 4×4',
      { ...V46, vision_config: vision({ window_kernel_size: [4, 4] }) },
      'window_kernel_size',
      '[4,4]',
    ],
    ['merges of 3×3', { ...V46, merge_kernel_size: [3, 3] }, 'merge_kernel_size', '[3,3]'],
    ['an unknown mode', { ...V46, downsample_mode: '8x' }, 'downsample_mode', '8x'],
    ['no index', { ...V46, insert_layer_id: -1 }, 'insert_layer_id', '-1'],
    ['no number of merges', { ...V46, merger_times: 0 }, 'merger_times', '0'],
    [
      'a table of NaFlex that is no square',
      { ...NAFLEX, vision_config: { ...NAFLEX.vision_config, num_patches: 255 } },
      '255',
    ],
  ])('refuses %s', async (_, config, ...words) => {
    await expectError(() => readVisionJson(config), 'BAD_CONFIG', ...words)
  })

  it('NaFlex states the rows of its table', () => {
    expect(readVisionJson(NAFLEX)).toMatchObject({ side: 16, imageSize: undefined, patch: 16 })
  })

  it('may be denied', () => {
    expect(readVisionJson({ ...SIGLIP2, vision_config: vision({ vision_use_head: false }) }).head).toBe(false)
    expect(readVisionJson(SIGLIP2).head).toBeUndefined()
  })
})

describe("timm's config.json", () => {
  it('names a So400m, whose GELU goes by the size of its patches', () => {
    const json = readVisionJson(TIMM)
    expect(json).toMatchObject({
      so400m: true,
      width: 1152,
      patch: 14,
      imageSize: 384,
      layers: undefined,
      dropLast: false,
    })
    expect(json.gelu?.()).toBe('erf')
    expect(readVisionJson({ ...TIMM, architecture: 'vit_so400m_patch16_siglip_512' }).gelu?.()).toBe('tanh')
  })

  it('may say more by model_args', () => {
    const args = { img_size: [70, 56], patch_size: 7, embed_dim: 8, depth: 2, num_heads: 2, act_layer: 'gelu_tanh' }
    const json = readVisionJson({ ...TIMM, model_args: args })
    expect(json).toMatchObject({ layers: 2, width: 8, heads: 2, patch: 7, imageSize: 56 })
    expect(json.gelu?.()).toBe('tanh')
  })

  it('of MiniCPM-V 2.0 is a name, and nothing of its language model', () => {
    const json = readVisionJson(V2)
    expect(json).toMatchObject({ so400m: true, dropLast: true, patch: 14 })
    expect([json.layers, json.width, json.imageSize]).toEqual([undefined, undefined, undefined])
    expect(json.gelu?.()).toBe('erf')
  })

  it('of other towers is refused', async () => {
    const other = (architecture: string) => () => readVisionJson({ ...TIMM, architecture })
    await expectError(other('vit_base_patch16_clip_224'), 'BAD_CONFIG', 'vit_base_patch16_clip_224')
    await expectError(other('naflexvit_so400m_patch16_siglip'), 'BAD_CONFIG', 'naflexvit')
    const args = { act_layer: 'relu' }
    await expectError(() => readVisionJson({ ...TIMM, model_args: args }).gelu?.(), 'BAD_CONFIG', 'relu')
  })
})
