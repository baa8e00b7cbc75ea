import type { NetworkBuilder } from './builder.js'
import type { MergerConfig, VisionConfig } from './config.js'
import type { Value } from './network.js'

/** Of the merger behind the tower (MiniCPMV4_6DownsampleMLP), whatever the tower's is. */
const EPS = 1e-6

/**
 * Within the tower of MiniCPM-V 4.6 and later (modeling_minicpmv4_6.py, MiniCPMV4_6ViTWindowAttentionMerger): the patches
 * of each window of 2×2 look at each other, then become one row: an MLP of all four, plus their mean. The rows that leave
 * are in raster order of a grid half as long and half as wide.
 */
export function windowMerger(
  net: NetworkBuilder,
  x: Value,
  config: VisionConfig,
  { windowMlp: F }: MergerConfig,
): Value {
  const { width: C, eps } = config
  const at = 'vit_merger'
  const windows = net.emit({ op: 'windows', out: `${at}/windows`, x })
  const norm = net.layerNorm(`${at}/norm1`, windows, `${at}.layer_norm1`, C, eps)
  const attended = net.selfAttention(at, windows, norm, `${at}.self_attn`, config, 'window')
  const merged = net.emit({ op: 'merge', out: `${at}/merged`, x: attended })
  const pre = net.layerNorm(`${at}/norm2`, merged, `${at}.pre_norm`, 4 * C, eps)
  const mean = net.emit({ op: 'mean', out: `${at}/mean`, x: attended })
  const down = net.mlp(at, pre, [`${at}.linear_1`, `${at}.linear_2`], [4 * C, F, C], 'tanh')
  return net.emit({ op: 'add', out: at, x: mean, y: down })
}

/**
 * Behind the tower (MiniCPMV4_6Merger): windows of 2×2 become one row, `times` over, and in the end what the language model
 * reads. Its GELU is the exact one, where the tower's is not.
 */
export function merger(
  net: NetworkBuilder,
  tokens: Value,
  { width: C }: VisionConfig,
  { times, width }: MergerConfig,
): Value {
  let x = tokens
  for (let i = 0; i < times; i++) {
    const at = `merger.${i}`
    const name = `merger.mlp.${i}`
    const windows = net.emit({ op: 'windows', out: `${at}/windows`, x })
    const merged = net.emit({ op: 'merge', out: `${at}/merged`, x: windows })
    const norm = net.layerNorm(`${at}/norm`, merged, `${name}.pre_norm`, 4 * C, EPS)
    const N = i < times - 1 ? C : width
    x = net.mlp(at, norm, [`${name}.linear_1`, `${name}.linear_2`], [4 * C, 4 * C, N], 'erf')
  }
  return x
}
