import type { VisionJson } from './config-json.js'
import type { VisionConfig } from './config.js'
import type { LayoutName } from './layouts.js'
import type { PositionMode } from './positions.js'

/**
 * Whose rules pictures and positions follow. `naflex`: SigLIP 2 at any aspect; `minicpm-v`: 2.6 and later, with o 2.6;
 * `timm`: with MiniCPM-V 1.0 and 2.0, whose tower is timm's.
 */
export type Family = 'siglip' | 'siglip2' | 'naflex' | 'idefics2' | 'minicpm-v-2.5' | 'minicpm-v' | 'timm'

/** Entries of Gemma's token table, by which SigLIP 2 at a fixed size differs from SigLIP. */
export const SIGLIP2_VOCABULARY = 256_000

const BY_LAYOUT: Partial<Record<LayoutName, Family>> = {
  'model.vision_model': 'idefics2',
  vpm: 'minicpm-v',
  'model.vpm': 'minicpm-v',
  'model.vision_tower': 'minicpm-v',
  vision_tower: 'minicpm-v',
}

/** By config.json, else by the layout, else by what the tensors show. `vocabulary`: rows of a text tower beside. */
export function familyOf(
  { layout, timm }: { readonly layout: LayoutName; readonly timm: boolean },
  { embedding, resampler, merger }: VisionConfig,
  json: VisionJson | null,
  vocabulary?: number,
): Family {
  if (timm) return 'timm'
  if (json?.family) return json.family
  if (embedding === 'linear') return 'naflex'
  const byLayout = BY_LAYOUT[layout]
  if (byLayout) return byLayout
  if (resampler || merger) return 'minicpm-v'
  return vocabulary === SIGLIP2_VOCABULARY ? 'siglip2' : 'siglip'
}

/** Side of MiniCPM-V's position table: 980 pixels in patches of 14. */
const NAVIT_SIDE = 70

const POSITIONS: Readonly<Record<Family, PositionMode>> = {
  siglip: 'bicubic',
  siglip2: 'bicubic',
  naflex: 'bilinear-antialias',
  idefics2: 'navit',
  'minicpm-v-2.5': 'row0',
  'minicpm-v': 'navit',
  timm: 'bicubic-antialias',
}

/**
 * How positions are mapped where the caller does not say: as the family's own code does. A SigLIP with a table as large as
 * MiniCPM-V's (980-NaViT) is looked up in as MiniCPM-V's is.
 */
export function positionsOf(family: Family, side: number): PositionMode {
  const own = POSITIONS[family]
  return own === 'bicubic' && side === NAVIT_SIDE ? 'navit' : own
}

/** The filter by which pictures are resized where the caller does not say: SigLIP 2 was trained with bilinear. */
export function resampleOf(family: Family): 'bicubic' | 'bilinear' {
  return family === 'siglip2' || family === 'naflex' ? 'bilinear' : 'bicubic'
}
