import { matrix, type NetworkBuilder } from './builder.js'
import type { ResamplerConfig, VisionConfig } from './config.js'
import type { Value } from './network.js'

/** Of every released resampler (resampler.py: `embed_dim // 128` heads). */
export const RESAMPLER_HEAD = 128
/** Of its norms (resampler.py), whatever the tower's is. */
const EPS = 1e-6

/**
 * MiniCPM-V's resampler (resampler.py of 2.5 to 4.5): Q learned queries look at the tokens of a picture, or of the frames
 * of a group, and become what the language model of width D reads. Positions are added to keys only.
 */
export function resampler(
  net: NetworkBuilder,
  tokens: Value,
  { width: C }: VisionConfig,
  { queries: Q, width: D }: ResamplerConfig,
): Value {
  const at = 'resampler'
  const norm = (out: Value, x: Value, name: string) => net.layerNorm(out, x, `${at}.${name}`, D, EPS)
  const linear = (out: Value, x: Value, name: string) => net.linear(out, x, `${at}.attn.${name}`, D, D)

  const kv = net.emit({
    op: 'linear',
    out: `${at}/kv`,
    x: tokens,
    weight: matrix(`${at}.kv_proj.weight`, D, C),
    bias: null,
  })
  const values = norm(`${at}/values`, kv, 'ln_kv')
  const keys = net.emit({ op: 'sincos', out: `${at}/keys`, x: values })
  const learned = net.emit({ op: 'learned', out: `${at}/query`, weight: matrix(`${at}.query`, Q, D) })
  const queries = norm(`${at}/queries`, learned, 'ln_q')

  const q = linear(`${at}/q`, queries, 'q_proj')
  const k = linear(`${at}/k`, keys, 'k_proj')
  const v = linear(`${at}/v`, values, 'v_proj')
  const heads = { heads: D / RESAMPLER_HEAD, headSize: RESAMPLER_HEAD }
  const attention = net.emit({ op: 'cross_attention', out: `${at}/attention`, q, k, v, ...heads })
  const out = linear(`${at}/out`, attention, 'out_proj')
  const post = norm(`${at}/norm`, out, 'ln_post')

  // x @ proj, where every other matrix is stored for x @ weightᵀ.
  const proj = { ...matrix(`${at}.proj`, D, D), transposed: [1, D, D] as const }
  return net.emit({ op: 'linear', out: 'resampled', x: post, weight: proj, bias: null })
}
