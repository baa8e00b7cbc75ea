/** config.json of timm's own checkpoints (timm/models/_hub.py), and of MiniCPM-V 1.0 and 2.0, which name a tower of timm. */
import type { VisionJson } from './config-json.js'
import { bad, count, isObject, type Json } from './json-values.js'

/** What such a config.json says of the tower; null for one of another kind. Throws `BAD_CONFIG`. */
export function readTimmJson(config: Json): VisionJson | null {
  const name = config.architecture ?? config.vision_encoder
  if (typeof name !== 'string') return null
  const [, kind = '', size, patch] = /^(\w*vit)_(\w+?)_patch(\d+)_siglip/.exec(name) ?? []
  if (kind !== 'vit') {
    throw bad(`its tower is timm's ${name}; of these, those of SigLIP are supported (vit_so400m_patch14_siglip_…)`)
  }
  const { model_args: args, pretrained_cfg: trained, vision_config: vision } = config
  const [given, sizes] = [objectOf(args), objectOf(vision)]
  return {
    modelType: name,
    family: 'timm',
    embedding: 'conv',
    so400m: size === 'so400m',
    patch: count(given, 'patch_size') ?? Number(patch),
    layers: count(given, 'depth') ?? count(sizes, 'num_hidden_layers'),
    width: count(given, 'embed_dim') ?? count(sizes, 'hidden_size') ?? count(config, 'num_features'),
    heads: count(given, 'num_heads') ?? count(sizes, 'num_attention_heads'),
    imageSize: sizeOf(given.img_size) ?? sizeOf(objectOf(trained).input_size),
    gelu: () => activation(given.act_layer, Number(patch)),
  }
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {}
}

/** A side, or sizes that end in height and width. */
function sizeOf(value: unknown): number | undefined {
  const side: unknown = Array.isArray(value) ? value.at(-1) : value
  return count({ 'the size of pictures': side }, 'the size of pictures')
}

/** Towers of patch 16 were added with the tanh that they were trained with; those of patch 14 kept timm's default. */
function activation(stated: unknown, patch: number): 'tanh' | 'erf' {
  if (stated === undefined || stated === null) return patch === 14 ? 'erf' : 'tanh'
  if (stated === 'gelu') return 'erf'
  if (stated === 'gelu_tanh') return 'tanh'
  throw bad(`act_layer is ${JSON.stringify(stated)}, expected gelu or gelu_tanh`)
}
