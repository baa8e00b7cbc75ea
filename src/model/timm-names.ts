/**
 * timm's names of a tower (timm/models/vision_transformer.py), which pack query, key and value into one tensor. MAP heads
 * under timm's names (timm/layers/attention_pool.py) are in `head-names.ts`.
 */
import type { Place } from './layouts.js'

/** Canonical stem → timm's, and the part of the packed tensor that it is. */
const IN_BLOCK = [
  ['layer_norm1', 'norm1'],
  ['self_attn.q_proj', 'attn.qkv', 0, 3],
  ['self_attn.k_proj', 'attn.qkv', 1, 3],
  ['self_attn.v_proj', 'attn.qkv', 2, 3],
  ['self_attn.out_proj', 'attn.proj'],
  ['layer_norm2', 'norm2'],
  ['mlp.fc1', 'mlp.fc1'],
  ['mlp.fc2', 'mlp.fc2'],
] as const

const OUTSIDE: Readonly<Record<string, string>> = {
  'embeddings.patch_embedding.weight': 'patch_embed.proj.weight',
  'embeddings.patch_embedding.bias': 'patch_embed.proj.bias',
  'embeddings.position_embedding.weight': 'pos_embed',
  'post_layernorm.weight': 'norm.weight',
  'post_layernorm.bias': 'norm.bias',
}

/** Where timm keeps a tensor of the tower, or null for names that are none of its. */
export function timmPlace(canonical: string, prefix: string): Place | null {
  const outside = Object.hasOwn(OUTSIDE, canonical) ? OUTSIDE[canonical] : undefined
  if (outside !== undefined) return { name: prefix + outside, part: 0, parts: 1 }
  const [, block = '', stem = '', kind = ''] = /^encoder\.layers\.(\d+)\.(.*)\.(weight|bias)$/.exec(canonical) ?? []
  const row = IN_BLOCK.find(([name]) => name === stem)
  if (!row) return null
  const [, name, part = 0, parts = 1] = row
  return { name: `${prefix}blocks.${block}.${name}.${kind}`, part, parts }
}

/** Places of the tensors of a tower that are there, by canonical name. */
export function timmPlaces(names: readonly string[], prefix: string): Map<string, Place> {
  const there = new Set(names)
  const blocks = new Set<string>()
  for (const name of names) {
    const index = name.startsWith(prefix)
      ? /^blocks\.(0|[1-9]\d{0,3})\./.exec(name.slice(prefix.length))?.[1]
      : undefined
    if (index !== undefined) blocks.add(index)
  }
  const inBlocks = [...blocks].flatMap((i) =>
    IN_BLOCK.flatMap(([stem]) => [`encoder.layers.${i}.${stem}.weight`, `encoder.layers.${i}.${stem}.bias`]),
  )
  const places = new Map<string, Place>()
  for (const canonical of [...Object.keys(OUTSIDE), ...inBlocks]) {
    const place = timmPlace(canonical, prefix)
    if (place && there.has(place.name)) places.set(canonical, place)
  }
  return places
}
