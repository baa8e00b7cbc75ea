/** What `auto` chose for a checkpoint, and why, in words. */
import { configOf, RECORDED_CONFIG } from '../checkpoint/recorded-config.js'
import type { Checkpoint } from '../checkpoint/types.js'
import { readVisionJson, type VisionJson } from '../model/config-json.js'
import { hasOldResampler } from '../model/head-names.js'
import { layoutOf, type LayoutName } from '../model/layouts.js'
import type { DescribedTower } from './describe.js'
import type { LoadOptions, PositionMode } from './types.js'

export interface Choice {
  readonly value: string
  readonly reason: string
}

export interface Choices {
  readonly layout: Choice
  readonly family: Choice
  readonly layers: Choice
  readonly gelu: Choice
  readonly positions: Choice
  readonly resample: Choice
  readonly heads: Choice
  /** Of a merger. */
  readonly merge?: Choice
}

const ASKED = 'as asked'
const NAMES = 'by the names of the tensors'

/** What config.json says, and what it is called: a converted file has a record of its own. */
interface Said {
  readonly json: VisionJson
  readonly by: string
}

export function explain(checkpoint: Checkpoint, tower: DescribedTower, options: LoadOptions): Choices {
  const { model, positions, resample } = tower
  const stated = configOf(checkpoint)
  const by = checkpoint.metadata.has(RECORDED_CONFIG) ? 'by the record in the file' : 'by config.json'
  const said = { json: stated ? readVisionJson(stated) : {}, by }
  const { config, family, layout } = model
  return {
    layout: { value: layout, reason: (options.layout ?? 'auto') === 'auto' ? NAMES : ASKED },
    family: { value: family, reason: familyReason(tower, said) },
    layers: { value: String(config.layers), reason: layersReason(options, said) },
    gelu: { value: config.gelu, reason: geluReason(layout, config.patch, options, said) },
    positions: { value: positions, reason: positionsReason(positions, config.table, options) },
    resample: { value: resample, reason: RESAMPLE[resample] },
    heads: headsChoice(checkpoint, tower, options),
    ...(config.merger && { merge: { value: config.merger.mode, reason: mergeReason(options, said) } }),
  }
}

function familyReason({ model: { family, layout, config } }: DescribedTower, { json, by }: Said): string {
  if (layoutOf(layout as LayoutName).timm) return NAMES
  if (json.family === family) return json.modelType === undefined ? by : `${by}: model_type ${json.modelType}`
  if (config.embedding === 'linear') return 'by the linear patch embedding'
  return family === 'siglip2' ? "by the text tower's 256 000 words" : NAMES
}

function layersReason({ layers = 'auto' }: LoadOptions, { json, by }: Said): string {
  if (layers !== 'auto') return ASKED
  const dropped = json.dropLast ? ', less the last (drop_vision_last_layer)' : ''
  if (json.layers !== undefined) return `${by}: ${json.layers} blocks${dropped}`
  if (json.so400m) return `${by}: ${json.modelType} has 27${dropped}`
  return 'all that are there'
}

function geluReason(layout: string, patch: number, { gelu = 'auto' }: LoadOptions, { json, by }: Said): string {
  if (gelu !== 'auto') return ASKED
  const timm = layoutOf(layout as LayoutName).timm
  if (json.gelu?.() !== undefined) return timm ? `${by}: ${json.modelType}` : `${by}: hidden_act`
  return timm ? `timm's towers of patch ${patch} have it` : 'SigLIP was trained with it'
}

const POSITIONS: Readonly<Record<string, string>> = {
  row0: 'MiniCPM-Llama3-V 2.5 has all patches on the first row',
  bicubic: "as transformers fits SigLIP's table to other grids",
  'bicubic-antialias': 'as timm fits its table to other grids',
  'bilinear-antialias': 'as NaFlex fits its table to every grid',
}

function positionsReason(mode: PositionMode, table: number, { positions = 'auto' }: LoadOptions): string {
  if (positions !== 'auto') return ASKED
  return POSITIONS[mode] ?? `table of ${table}×${table}`
}

const RESAMPLE = {
  bicubic: 'as all but SigLIP 2 resize pictures',
  bilinear: 'as SigLIP 2 resizes pictures',
}

function headsChoice(
  checkpoint: Checkpoint,
  { model: { config, layout } }: DescribedTower,
  { heads }: LoadOptions,
): Choice {
  const { pooling, resampler, merger } = config
  if (heads === 'none') return { value: 'none', reason: ASKED }
  const found = [
    ...(pooling ? [`MAP head with an MLP of ${pooling.mlp}`] : []),
    ...(resampler ? [`resampler of ${resampler.queries} queries × ${resampler.width}`] : []),
    ...(merger ? [`merger to ${merger.width}`] : []),
  ]
  const old = hasOldResampler(checkpoint.names, layoutOf(layout as LayoutName))
  const skipped = 'the resampler of MiniCPM-V 1.0 and 2.0 is not supported, and skipped'
  if (found.length > 0) return { value: found.join(', '), reason: old ? `${NAMES}; ${skipped}` : NAMES }
  return { value: 'none', reason: old ? skipped : 'the checkpoint has none' }
}

function mergeReason({ merge }: LoadOptions, { json, by }: Said): string {
  if (merge !== undefined) return ASKED
  return json.merger
    ? `${by}: ${json.merger.stated ? 'downsample_mode' : `model_type ${json.modelType}`}`
    : 'by default'
}
