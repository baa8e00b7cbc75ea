import { RECORDED_CONFIG } from '../checkpoint/recorded-config.js'
import type { VisionConfig } from '../model/config.js'
import type { Family } from '../model/family.js'
import type { TowerWeights } from './tower-file.js'

/**
 * Metadata of a file of a tower: where its tensors are from, and what their shapes do not tell. `format` is what
 * transformers asks of a file.
 */
export function towerRecord(
  origin: Readonly<Record<string, string>>,
  { config, family }: { readonly config: VisionConfig; readonly family: Family },
  weights: TowerWeights,
): Record<string, string> {
  const { layers, width, heads, mlp, patch, table, gelu, eps, merger } = config
  const recorded = {
    family,
    num_hidden_layers: layers,
    hidden_size: width,
    num_attention_heads: heads,
    intermediate_size: mlp,
    patch_size: patch,
    image_size: table * patch,
    hidden_act: gelu === 'tanh' ? 'gelu_pytorch_tanh' : 'gelu',
    layer_norm_eps: eps,
    ...(merger && { insert_layer_id: merger.after, downsample_mode: merger.mode }),
  }
  return {
    format: 'pt',
    ...origin,
    ...(weights === 'int8' && { 'sovit.weights': weights }),
    [RECORDED_CONFIG]: JSON.stringify(recorded),
  }
}
