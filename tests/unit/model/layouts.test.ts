import { describe, expect, it } from 'vitest'
import { blockOf, canonicalName, detectLayout, towerTensors } from '../../../src/model/layouts.js'
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
  ])('%s is recognised among other tensors', (layout, prefix, others) => {
    const names = [...others, ...canonical.map((name) => prefix + name)]
    expect(detectLayout(names)).toEqual({ layout, prefix })
    expect(detectLayout(names, layout)).toEqual({ layout, prefix })
  })

  it('is recognised without its patch embedding, which is then reported as missing', () => {
    expect(detectLayout(canonical.slice(1).map((name) => `vpm.${name}`)).layout).toBe('vpm')
  })

  it('is the tower when a text model has bare names', () => {
    const names = [...canonical.map((name) => `vpm.${name}`), 'encoder.layers.0.self_attn.q_proj.weight']
    expect(detectLayout(names).layout).toBe('vpm')
  })

  it('is unknown for timm names and other models; the error tells what was found', async () => {
    const timm = ['vpm.blocks.0.attn.qkv.weight', 'vpm.patch_embed.proj.weight', 'vpm.pos_embed']
    await expectError(() => detectLayout([...timm, ...llm]), 'UNKNOWN_LAYOUT', '5 tensors', ...timm)
    await expectError(() => detectLayout([]), 'UNKNOWN_LAYOUT', 'no tensors')
    await expectError(() => detectLayout(canonical, 'vpm'), 'UNKNOWN_LAYOUT', 'vpm', canonical.length)
  })

  it('is ambiguous with two towers, unless the caller chooses', async () => {
    const names = canonical.flatMap((name) => [`vpm.${name}`, `vision_model.${name}`])
    await expectError(() => detectLayout(names), 'UNKNOWN_LAYOUT', 'vision_model, vpm', 'layout')
    expect(detectLayout(names, 'vpm').layout).toBe('vpm')
  })

  it('of an unknown name is refused', () =>
    expectError(() => detectLayout(canonical, 'clip'), 'BAD_OPTION', 'clip', 'bare'))
})
