import { describe, expect, it } from 'vitest'
import { blockOf, canonicalName, detectLayout, towerTensors } from '../../../src/model/layouts.js'
import { timmPlace } from '../../../src/model/timm-names.js'
import { expectError } from '../checkpoint/safetensors-cases.js'

/** SoViT-400m/14 with the 70×70 table, as published. */
const sovit = { layers: 27, width: 1152, mlp: 4304, patch: 14, table: 70 }
const canonical = towerTensors(sovit).map(({ name }) => name)
const llm = ['llm.model.layers.0.mlp.up_proj.weight', 'resampler.query']

describe('the tensors of the tower', () => {
  it('are the 437 of MiniCPM-V 2.6, 835 584 480 bytes as bf16', () => {
    const tensors = towerTensors(sovit)
    expect(tensors).toHaveLength(437)
    expect(new Set(canonical).size).toBe(437)
    const bytes = tensors.reduce((sum, { shape }) => sum + 2 * shape.reduce((a, b) => a * b, 1), 0)
    expect(bytes).toBe(835_584_480)
  })

  it('have the shapes of the published files', () => {
    const shape = (name: string) => towerTensors(sovit).find((tensor) => tensor.name === name)?.shape
    expect(shape('embeddings.patch_embedding.weight')).toEqual([1152, 3, 14, 14])
    expect(shape('embeddings.position_embedding.weight')).toEqual([4900, 1152])
    expect(shape('encoder.layers.26.mlp.fc1.weight')).toEqual([4304, 1152])
    expect(shape('encoder.layers.26.mlp.fc2.weight')).toEqual([1152, 4304])
    expect(shape('encoder.layers.0.self_attn.out_proj.bias')).toEqual([1152])
    expect(shape('post_layernorm.bias')).toEqual([1152])
  })

  it('are all recognised by name, with their block', () => {
    for (const name of canonical) expect(canonicalName(`vpm.${name}`, 'vpm.')).toBe(name)
    expect(blockOf('encoder.layers.26.mlp.fc2.bias')).toBe(26)
    expect(blockOf('post_layernorm.bias')).toBeNull()
    expect(canonicalName('vpm.head.probe', 'vpm.')).toBeNull()
    expect(canonicalName('vpm.encoder.layers.01.mlp.fc2.bias', 'vpm.')).toBeNull()
  })
})

describe('layouts', () => {
  it.each([
    [
      'vision_model',
      'vision_model.',
      ['logit_scale', 'text_model.encoder.layers.0.mlp.fc1.weight', 'vision_model.head.probe'],
    ],
    [
      'model.vision_model',
      'model.vision_model.',
      ['model.connector.x', 'model.text_model.layers.0.mlp.up_proj.weight'],
    ],
    ['vpm', 'vpm.', llm],
    ['bare', '', []],
    ['model.vpm', 'model.vpm.', ['model.vit_merger.pre_norm.weight', 'model.merger.mlp.0.linear_1.weight']],
    [
      'model.vision_tower',
      'model.vision_tower.',
      ['model.language_model.layers.0.x', 'model.merger.mlp.0.linear_1.bias'],
    ],
    ['vision_tower', 'vision_tower.', ['merger.mlp.0.linear_1.weight']],
  ])('%s is recognised among other tensors', async (layout, prefix, others) => {
    const names = [...others, ...canonical.map((name) => prefix + name)]
    expect(await detectLayout(names)).toEqual({ layout, prefix, timm: false })
    expect(await detectLayout(names, layout)).toEqual({ layout, prefix, timm: false })
  })

  it.each([
    ['timm', '', ['attn_pool.latent', 'head.weight']],
    ['vpm.timm', 'vpm.', llm],
  ])('%s is recognised by the names of timm', async (layout, prefix, others) => {
    const names = [...others, ...canonical.map((name) => timmPlace(name, prefix)?.name ?? '')]
    expect(await detectLayout(names)).toEqual({ layout, prefix, timm: true })
    expect((await detectLayout(names.filter((name) => !name.includes('patch_embed')))).layout).toBe(layout)
  })

  it('is recognised without its patch embedding, which is then reported as missing', async () => {
    expect((await detectLayout(canonical.slice(1).map((name) => `vpm.${name}`))).layout).toBe('vpm')
  })

  it('is the tower when a text model has bare names', async () => {
    const names = [...canonical.map((name) => `vpm.${name}`), 'encoder.layers.0.self_attn.q_proj.weight']
    expect((await detectLayout(names)).layout).toBe('vpm')
  })

  it('is unknown for other models; the error tells what was found', async () => {
    const clip = ['vision_model.embeddings.class_embedding', 'visual.conv1.weight']
    await expectError(() => detectLayout([...clip, ...llm]), 'UNKNOWN_LAYOUT', '4 tensors', ...clip, 'patch_embed.proj')
    await expectError(() => detectLayout([]), 'UNKNOWN_LAYOUT', 'no tensors')
    await expectError(() => detectLayout(canonical, 'vpm'), 'UNKNOWN_LAYOUT', 'vpm', canonical.length)
  })

  it('is ambiguous with two towers, unless the caller chooses', async () => {
    const names = canonical.flatMap((name) => [`vpm.${name}`, `vision_model.${name}`])
    await expectError(() => detectLayout(names), 'UNKNOWN_LAYOUT', 'vision_model, vpm', 'layout')
    expect((await detectLayout(names, 'vpm')).layout).toBe('vpm')
  })

  it('of an unknown name is refused', () =>
    expectError(() => detectLayout(canonical, 'clip'), 'BAD_OPTION', 'clip', 'bare'))
})
