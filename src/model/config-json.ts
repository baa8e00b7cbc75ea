/** config.json of transformers, of OpenBMB and of timm, as far as the vision tower and what lies behind it need it. */
import { SIGLIP2_VOCABULARY, type Family } from './family.js'
import { bad, count, isObject, type Json } from './json-values.js'
import { readTimmJson } from './timm-json.js'

/** What config.json states; absent keys are undefined. */
export interface VisionJson {
  /** `model_type`, or timm's `architecture`, for messages. */
  readonly modelType?: string
  readonly family?: Family
  readonly layers?: number
  /** It names a So400m, and states no sizes. */
  readonly so400m?: boolean
  readonly width?: number
  readonly heads?: number
  readonly mlp?: number
  readonly patch?: number
  readonly imageSize?: number
  /** Side of the position table, where that is stated and not a size of pictures. */
  readonly side?: number
  readonly channels?: number
  readonly eps?: number
  readonly embedding?: 'conv' | 'linear'
  /** The stated form of the GELU; throws `BAD_CONFIG` for another activation. Asked only when the caller does not say. */
  readonly gelu?: () => 'tanh' | 'erf' | undefined
  /** The network leaves out its last block (MiniCPM-V). */
  readonly dropLast?: boolean
  /** False: there is no pooling head. */
  readonly head?: boolean
  /** Queries of the resampler. */
  readonly queries?: number
  /** Width of the language model. */
  readonly languageWidth?: number
  readonly merger?: MergerJson
}

export interface MergerJson {
  /** Index of the block behind which windows are merged. */
  readonly after: number
  readonly mode: '4x' | '16x'
  /** The mode is stated, not the default of its class. */
  readonly stated: boolean
  /** Merges behind the tower; undefined where it does not say. */
  readonly times?: number
}

/** Names of activations in transformers (activations.py, ACT2FN). */
const GELU: Readonly<Record<string, 'tanh' | 'erf'>> = {
  gelu_pytorch_tanh: 'tanh',
  gelu_new: 'tanh',
  gelu_fast: 'tanh',
  gelu: 'erf',
  gelu_python: 'erf',
}

/** model_type of networks with a merger: `minicpmv4_6`, `minicpmv4_7`, `minicpm_ocr`, and with `_vision` of their towers. */
const MERGER = /^minicpm(v4_\d+|_ocr)(_vision)?$/
const SIGLIP2 = /^siglip2(_vision_model)?$/
const CONVOLUTION = /^(siglip(_vision_model)?$|idefics2|minicpm)/

/**
 * Reads a model's config.json with its `vision_config`, or a bare vision config, or timm's. Sizes at the top level of a
 * model's file are not the tower's: there `hidden_size` is the language model's and `image_size` a slice's.
 * Throws `BAD_CONFIG`.
 */
export function readVisionJson(config: Json): VisionJson {
  const timm = readTimmJson(config)
  if (timm) return { ...timm, dropLast: dropsLast(config) }
  const { vision_config: nested } = config
  if (nested !== undefined && !isObject(nested)) throw bad('vision_config is not an object')
  const vision = nested ?? config
  if (nested === undefined && vision.patch_size === undefined) {
    throw bad('it has no vision_config and no patch_size, so it describes no vision tower')
  }
  const modelType = typeOf(config) ?? typeOf(vision)
  const siglip2 = SIGLIP2.test(modelType ?? '')
  return {
    modelType,
    family: familyOf(config, vision),
    layers: count(vision, 'num_hidden_layers'),
    width: count(vision, 'hidden_size'),
    heads: count(vision, 'num_attention_heads') ?? defaultHeads(vision),
    mlp: count(vision, 'intermediate_size'),
    patch: count(vision, 'patch_size'),
    imageSize: count(vision, 'image_size'),
    side: siglip2 ? tableSide(vision) : undefined,
    channels: count(vision, 'num_channels'),
    eps: epsilon(vision),
    embedding: siglip2 ? 'linear' : CONVOLUTION.test(modelType ?? '') ? 'conv' : undefined,
    gelu: () => activation(vision),
    dropLast: dropsLast(config),
    head: vision.vision_use_head === false ? false : undefined,
    queries: count(config, 'query_num'),
    languageWidth: languageWidth(config, nested !== undefined),
    merger: mergerOf(config, vision),
  }
}

function typeOf({ model_type: type }: Json): string | undefined {
  return typeof type === 'string' ? type : undefined
}

/** `family` is what a converted file records of itself. */
function familyOf(config: Json, vision: Json): Family | undefined {
  const [type = '', inner = ''] = [typeOf(config), typeOf(vision)]
  if (typeof config.family === 'string') return config.family as Family
  if (SIGLIP2.test(type)) return 'naflex'
  if (type === 'minicpmv' && inner === 'idefics2') return 'minicpm-v-2.5'
  if (type.startsWith('minicpm')) return 'minicpm-v'
  if (type.startsWith('idefics2')) return 'idefics2'
  if (type !== 'siglip' || !isObject(config.text_config)) return undefined
  return config.text_config.vocab_size === SIGLIP2_VOCABULARY ? 'siglip2' : 'siglip'
}

/** SigLIP 2 NaFlex states the rows of its table. */
function tableSide(vision: Json): number | undefined {
  const rows = count(vision, 'num_patches')
  if (rows === undefined) return undefined
  if (Number.isInteger(Math.sqrt(rows))) return Math.sqrt(rows)
  throw bad(`num_patches is ${rows}, not the square of the side of a table`)
}

/**
 * transformers 4 wrote no value that is the default of its class: 12 heads of 64 for SigLIP (configuration_siglip.py).
 * A So400m says its heads; where one does not, its width is not said either.
 */
function defaultHeads(vision: Json): number | undefined {
  const siglip = vision.model_type === 'siglip_vision_model' || vision.model_type === 'siglip2_vision_model'
  return siglip && vision.hidden_size !== undefined ? 12 : undefined
}

function epsilon(json: Json): number | undefined {
  const value = json.layer_norm_eps
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && value > 0 && value < 1) return value
  throw bad(`layer_norm_eps is ${JSON.stringify(value)}, expected a number between 0 and 1`)
}

function activation(json: Json): 'tanh' | 'erf' | undefined {
  const value = json.hidden_act
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && Object.hasOwn(GELU, value)) return GELU[value]
  throw bad(`hidden_act is ${JSON.stringify(value)}, expected one of ${Object.keys(GELU).join(', ')}`)
}

/** Of a model's file. Models with a `text_config` say it there; older ones extend the language model's own file. */
function languageWidth(config: Json, hasVision: boolean): number | undefined {
  if (isObject(config.text_config)) return count(config.text_config, 'hidden_size')
  return hasVision ? count(config, 'hidden_size') : undefined
}

/** Defaults are those of the classes (configuration_minicpmv4_6.py, _4_7.py, _ocr.py). */
function mergerOf(config: Json, vision: Json): MergerJson | undefined {
  const type = [typeOf(config), typeOf(vision)].find((name) => name !== undefined && MERGER.test(name))
  const after = config.insert_layer_id ?? vision.insert_layer_id
  if (type === undefined && after === undefined) return undefined
  for (const [json, key] of [
    [vision, 'window_kernel_size'],
    [config, 'merge_kernel_size'],
  ] as const) {
    const size = json[key] ?? [2, 2]
    if (JSON.stringify(size) !== '[2,2]') throw bad(`${key} is ${JSON.stringify(size)}; windows are of [2,2] only`)
  }
  const mode = config.downsample_mode ?? (type?.startsWith('minicpm_ocr') ? '4x' : '16x')
  if (mode !== '4x' && mode !== '16x') throw bad(`downsample_mode is ${JSON.stringify(mode)}, expected 4x or 16x`)
  if (after !== undefined && !(Number.isSafeInteger(after) && Number(after) >= 0)) {
    throw bad(`insert_layer_id is ${JSON.stringify(after)}, expected the index of a block`)
  }
  const stated = config.downsample_mode !== undefined
  return { after: after === undefined ? 6 : Number(after), mode, stated, times: count(config, 'merger_times') }
}

/** MiniCPM's configuration classes default to true (configuration_minicpm.py of 2.6 and 4.5); others have no such key. */
function dropsLast(config: Json): boolean {
  const value = config.drop_vision_last_layer
  if (typeof value === 'boolean') return value
  if (value !== undefined) throw bad(`drop_vision_last_layer is ${JSON.stringify(value)}, expected true or false`)
  return config.model_type === 'minicpmv' || config.model_type === 'minicpmo'
}
