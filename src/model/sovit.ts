import { matrix, NetworkBuilder } from './builder.js'
import type { VisionConfig } from './config.js'
import type { Network, Output, Parameter } from './network.js'

/** What may lie behind the tower, or within it. A file of its own, as many checkpoints have none of it. */
export type Heads = typeof import('./head-networks.js')

/**
 * SoViT, the shape-optimised ViT (arXiv 2305.13035) as SigLIP trains it (arXiv 2303.15343): patch embedding, learned
 * positions, L pre-norm blocks, final layer norm. No class token, no registers, biases everywhere.
 * Parameter names are those that all checkpoint layouts are mapped to.
 *
 * @param interpolated whether the position table is stretched to a picture's grid, rather than looked up in
 * @param heads needed where the config has any
 */
export function sovit(config: VisionConfig, interpolated = false, heads?: Heads): Network {
  const { layers: L, width: C, mlp: F, table: S, gelu, eps, pooling, resampler, merger } = config
  const net = new NetworkBuilder()

  // Embeddings: one linear map of each patch, plus its position.
  const patches = net.emit({
    op: 'patch_embed',
    out: 'embeddings/patch',
    weight: patchWeight(config),
    bias: { name: 'embeddings.patch_embedding.bias', shape: [C] },
  })
  const table = matrix('embeddings.position_embedding.weight', S * S, C)
  let x = interpolated
    ? net.emit({
        op: 'add',
        out: 'embeddings',
        x: patches,
        y: net.emit({ op: 'interpolate', out: 'positions', table }),
      })
    : net.emit({ op: 'position', out: 'embeddings', x: patches, table })
  const taps = [x]

  for (let l = 0; l < L; l++) {
    const block = `layer.${l}`
    const name = `encoder.layers.${l}`

    // x ← x + Attention(LN(x))
    const norm1 = net.layerNorm(`${block}/norm1`, x, `${name}.layer_norm1`, C, eps)
    x = net.selfAttention(block, x, norm1, `${name}.self_attn`, config)

    // x ← x + MLP(LN(x))
    const norm2 = net.layerNorm(`${block}/norm2`, x, `${name}.layer_norm2`, C, eps)
    const down = net.mlp(block, norm2, [`${name}.mlp.fc1`, `${name}.mlp.fc2`], [C, F, C], gelu)
    x = net.emit({ op: 'add', out: block, x, y: down })
    taps.push(x)

    // MiniCPM-V 4.6 and later go on with a quarter of the rows.
    if (merger?.mode === '16x' && merger.after === l && heads) x = heads.windowMerger(net, x, config, merger)
  }

  const tokens = net.layerNorm('tokens', x, 'post_layernorm', C, eps)
  const outputs: [Output, ...Output[]] = [{ name: 'tokens', value: tokens }]
  if (heads && pooling) outputs.push({ name: 'pooled', value: heads.poolingHead(net, tokens, config, pooling) })
  if (heads && resampler) outputs.push({ name: 'resampled', value: heads.resampler(net, tokens, config, resampler) })
  if (heads && merger) outputs.push({ name: 'merged', value: heads.merger(net, tokens, config, merger) })
  return { operations: net.operations, outputs, taps }
}

/** Whether a network has anything that `Heads` describe. */
export function hasHeads({ pooling, resampler, merger }: VisionConfig): boolean {
  return [pooling, resampler, merger].some((part) => part !== null)
}

/** Values of a patch are taken channel by channel; NaFlex stores their weights pixel by pixel (convert_image_to_patches). */
function patchWeight({ width: C, patch: p, embedding }: VisionConfig): Parameter {
  const weight = { name: 'embeddings.patch_embedding.weight', shape: [C, 3, p, p] }
  return embedding === 'conv' ? weight : { ...weight, transposed: [C, p * p, 3] }
}
