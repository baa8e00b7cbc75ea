/** config.json of transformers, as far as the vision tower needs it. */
import { SovitError } from '../errors.js'

/** What config.json states; absent keys are undefined. */
export interface VisionJson {
  readonly layers?: number
  readonly width?: number
  readonly heads?: number
  readonly mlp?: number
  readonly patch?: number
  readonly imageSize?: number
  readonly channels?: number
  readonly eps?: number
  /** The stated form of the GELU; throws `BAD_CONFIG` for another activation. Asked only when the caller does not say. */
  readonly gelu?: () => 'tanh' | 'erf' | undefined
  /** The network leaves out its last block (MiniCPM-V). */
  readonly dropLast?: boolean
}

type Json = Readonly<Record<string, unknown>>

/** Names of activations in transformers (activations.py, ACT2FN). */
const GELU: Readonly<Record<string, 'tanh' | 'erf'>> = {
  gelu_pytorch_tanh: 'tanh',
  gelu_new: 'tanh',
  gelu_fast: 'tanh',
  gelu: 'erf',
  gelu_python: 'erf',
}

/**
 * Reads a model's config.json with its `vision_config`, or a bare vision config. Sizes at the top level of a model's
 * file are not the tower's: there `hidden_size` is the language model's and `image_size` a slice's.
 * Throws `BAD_CONFIG`.
 */
export function readVisionJson(config: Json): VisionJson {
  const { vision_config: nested } = config
  if (nested !== undefined && !isObject(nested)) throw bad('vision_config is not an object')
  const vision = nested ?? config
  if (nested === undefined && vision.patch_size === undefined) {
    throw bad('it has no vision_config and no patch_size, so it describes no vision tower')
  }
  if (hasMerger(config) || hasMerger(vision)) throw bad('towers with a merger between their blocks are not supported')
  return {
    layers: count(vision, 'num_hidden_layers'),
    width: count(vision, 'hidden_size'),
    heads: count(vision, 'num_attention_heads') ?? defaultHeads(vision),
    mlp: count(vision, 'intermediate_size'),
    patch: count(vision, 'patch_size'),
    imageSize: count(vision, 'image_size'),
    channels: count(vision, 'num_channels'),
    eps: epsilon(vision),
    gelu: () => activation(vision),
    dropLast: dropsLast(config),
  }
}

function count(json: Json, key: string): number | undefined {
  const value = json[key]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
  throw bad(`${key} is ${JSON.stringify(value)}, expected a whole number of at least 1`)
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

/** MiniCPM-V 4.6 and later: run as a plain tower, they would be silently wrong. */
function hasMerger({ model_type: type, insert_layer_id: after }: Json): boolean {
  return after !== undefined || (typeof type === 'string' && /^minicpm(v4_\d|_ocr)/.test(type))
}

/** MiniCPM's configuration classes default to true (configuration_minicpm.py of 2.6 and 4.5); others have no such key. */
function dropsLast(config: Json): boolean {
  const value = config.drop_vision_last_layer
  if (typeof value === 'boolean') return value
  if (value !== undefined) throw bad(`drop_vision_last_layer is ${JSON.stringify(value)}, expected true or false`)
  return config.model_type === 'minicpmv' || config.model_type === 'minicpmo'
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bad(what: string): SovitError {
  return new SovitError('BAD_CONFIG', `config.json cannot be used: ${what}. Use the config.json of the weights.`)
}
