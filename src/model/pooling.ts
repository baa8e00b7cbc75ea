import { matrix, type NetworkBuilder } from './builder.js'
import type { PoolingConfig, VisionConfig } from './config.js'
import type { Value } from './network.js'

/**
 * SigLIP's MAP head (modeling_siglip.py, SiglipMultiheadAttentionPoolingHead): one learned probe looks at all tokens of a
 * picture, and an MLP follows. The result [C] is the picture's embedding: no projection, and no residual of the probe.
 */
export function poolingHead(
  net: NetworkBuilder,
  tokens: Value,
  { width: C, heads, headSize, gelu, eps }: VisionConfig,
  { mlp: F }: PoolingConfig,
): Value {
  const probe = net.emit({ op: 'learned', out: 'head/probe', weight: matrix('head.probe', 1, C) })
  const q = net.linear('head/q', probe, 'head.attention.q_proj', C, C)
  const k = net.linear('head/k', tokens, 'head.attention.k_proj', C, C)
  const v = net.linear('head/v', tokens, 'head.attention.v_proj', C, C)
  const attention = net.emit({ op: 'cross_attention', out: 'head/attention', q, k, v, heads, headSize })
  const x = net.linear('head/out', attention, 'head.attention.out_proj', C, C)

  // x ← x + MLP(LN(x))
  const norm = net.layerNorm('head/norm', x, 'head.layernorm', C, eps)
  const down = net.mlp('head', norm, ['head.mlp.fc1', 'head.mlp.fc2'], [C, F, C], gelu)
  return net.emit({ op: 'add', out: 'pooled', x, y: down })
}
