import { describe, expect, it } from 'vitest'
import { hasOldResampler, headName, headPlaces } from '../../../src/model/head-names.js'
import { layoutOf } from '../../../src/model/layouts.js'
import { timmPlace, timmPlaces } from '../../../src/model/timm-names.js'

describe('places of heads', () => {
  it.each([
    ['vision_model', 'vision_model.head.attention.in_proj_weight', 'head.attention.k_proj.weight', 1, 3],
    ['bare', 'head.attention.in_proj_bias', 'head.attention.v_proj.bias', 2, 3],
    ['bare', 'head.attention.q_proj.weight', 'head.attention.q_proj.weight', 0, 1],
    ['timm', 'attn_pool.kv.weight', 'head.attention.v_proj.weight', 1, 2],
    ['timm', 'attn_pool.latent', 'head.probe', 0, 1],
    ['timm', 'attn_pool.norm.bias', 'head.layernorm.bias', 0, 1],
    ['vpm', 'resampler.attn.in_proj_weight', 'resampler.attn.q_proj.weight', 0, 3],
    ['vpm', 'resampler.attn.v_proj.bias', 'resampler.attn.v_proj.bias', 0, 1],
    ['vpm', 'resampler.proj', 'resampler.proj', 0, 1],
    ['vpm', 'vit_merger.linear_1.weight', 'vit_merger.linear_1.weight', 0, 1],
    ['vpm', 'resampler.mlp.0.mlp.2.bias', 'merger.mlp.0.linear_2.bias', 0, 1],
    ['model.vpm', 'model.merger.mlp.1.mlp.0.weight', 'merger.mlp.1.linear_1.weight', 0, 1],
    ['model.vision_tower', 'model.vision_tower.vit_merger.pre_norm.bias', 'vit_merger.pre_norm.bias', 0, 1],
    ['model.vision_tower', 'model.merger.mlp.0.pre_norm.weight', 'merger.mlp.0.pre_norm.weight', 0, 1],
    ['vision_tower', 'merger.mlp.0.linear_1.weight', 'merger.mlp.0.linear_1.weight', 0, 1],
    ['vision_tower', 'vit_merger.self_attn.out_proj.bias', 'vit_merger.self_attn.out_proj.bias', 0, 1],
  ] as const)('%s: %s', (layout, name, canonical, part, parts) => {
    const places = headPlaces([name, 'logit_scale', 'text_model.head.weight'], layoutOf(layout))
    expect(places.get(canonical)).toEqual({ name, part, parts })
    expect(places.size).toBe(parts)
  })

  it('are not what others call so', () => {
    const others = [
      'head.weight',
      'llm.head.probe',
      'model.resampler.query',
      'vpm.head.fc.weight',
      'mtp.merger.mlp.0.x',
    ]
    expect(headPlaces(others, layoutOf('vpm')).size).toBe(0)
  })

  it("of the resampler of MiniCPM-V 1.0 and 2.0 are left, by its positions or by timm's tower", () => {
    const names = ['resampler.query', 'resampler.proj', 'resampler.pos_embed']
    for (const layout of ['vpm', 'vpm.timm'] as const) {
      expect(hasOldResampler(names, layoutOf(layout))).toBe(true)
      expect(headPlaces(names, layoutOf(layout)).size).toBe(0)
    }
    expect(hasOldResampler(names.slice(0, 2), layoutOf('vpm'))).toBe(false)
    expect(hasOldResampler(names.slice(0, 2), layoutOf('vpm.timm'))).toBe(true)
  })

  it('have the names of the hub where they are missing', () => {
    expect(headName('head.attention.q_proj.bias', layoutOf('vision_model'))).toBe(
      'vision_model.head.attention.in_proj_bias',
    )
    expect(headName('merger.mlp.0.linear_1.bias', layoutOf('model.vision_tower'))).toBe(
      'model.merger.mlp.0.linear_1.bias',
    )
    expect(headName('encoder.layers.0.mlp.fc1.bias', layoutOf('vpm'))).toBeNull()
  })
})

describe("timm's names of a tower", () => {
  it.each([
    ['embeddings.patch_embedding.weight', 'patch_embed.proj.weight', 0, 1],
    ['embeddings.position_embedding.weight', 'pos_embed', 0, 1],
    ['post_layernorm.bias', 'norm.bias', 0, 1],
    ['encoder.layers.26.self_attn.v_proj.weight', 'blocks.26.attn.qkv.weight', 2, 3],
    ['encoder.layers.0.self_attn.out_proj.bias', 'blocks.0.attn.proj.bias', 0, 1],
    ['encoder.layers.3.layer_norm2.weight', 'blocks.3.norm2.weight', 0, 1],
    ['encoder.layers.3.mlp.fc2.bias', 'blocks.3.mlp.fc2.bias', 0, 1],
  ])('%s is %s', (canonical, name, part, parts) => {
    expect(timmPlace(canonical, 'vpm.')).toEqual({ name: `vpm.${name}`, part, parts })
    expect(timmPlaces([`vpm.${name}`, 'blocks.9.norm1.weight'], 'vpm.').get(canonical)?.name).toBe(`vpm.${name}`)
  })

  it('know no scales of int8, and no other tensors', () => {
    expect(timmPlace('encoder.layers.0.mlp.fc1.weight_scale', '')).toBeNull()
    expect(timmPlace('head.probe', '')).toBeNull()
    expect(timmPlaces(['head.weight', 'fc_norm.weight', 'blocks.x.norm1.weight'], '').size).toBe(0)
  })
})
