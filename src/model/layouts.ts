/**
 * Tensor names of the vision tower. The canonical names are the suffixes that all checkpoints in the form of
 * transformers share (modeling_siglip.py); a layout is the prefix that a family puts before them, or timm's own names.
 */

/**
 * SigLIP and the 980-NaViT checkpoint; Idefics2; MiniCPM-V 2.5 to 4.5 and the first 4.6; MiniCPM-V 4.6 as some write it;
 * MiniCPM-V 4.6 on the hub, 4.7 and OCR, whole and without `model.`; the tower alone; timm; MiniCPM-V 1.0 and 2.0.
 */
export const LAYOUT_NAMES = [
  'vision_model',
  'model.vision_model',
  'vpm',
  'model.vpm',
  'model.vision_tower',
  'vision_tower',
  'bare',
  'timm',
  'vpm.timm',
] as const

export type LayoutName = (typeof LAYOUT_NAMES)[number]

export interface Layout {
  readonly layout: LayoutName
  /** Put before a canonical name (or timm's), it gives the name in the checkpoint. */
  readonly prefix: string
  /** Behind the prefix are timm's names: `timm-names.ts`. */
  readonly timm: boolean
}

/** Where a canonical tensor lies: in the stored tensor `name`, which may be packed. */
export interface Place {
  readonly name: string
  /** It is the one of this index of `parts` equal runs of rows. */
  readonly part: number
  readonly parts: number
}

export interface ExpectedTensor {
  /** Canonical name. */
  readonly name: string
  readonly shape: readonly number[]
}

/** SigLIP's scale and bias, which make scores of cosines; beside its towers in every layout. */
export const LOGIT_NAMES: readonly string[] = ['logit_scale', 'logit_bias']

export const PATCH_WEIGHT = 'embeddings.patch_embedding.weight'
export const TIMM_PATCH_WEIGHT = 'patch_embed.proj.weight'
const TIMM_BLOCK = /^blocks\.\d+\.(norm[12]|attn|mlp)\./
const BLOCK =
  /^encoder\.layers\.(0|[1-9]\d{0,3})\.(layer_norm[12]|self_attn\.(q|k|v|out)_proj|mlp\.fc[12])\.(weight|bias|weight_scale)$/
const OUTSIDE_BLOCKS =
  /^(embeddings\.(patch_embedding\.(weight|bias)|position_embedding\.weight)|post_layernorm\.(weight|bias))$/

/**
 * Recognises the layout of a checkpoint by the names of its tensors, or checks the one that the caller asks for.
 * Throws `UNKNOWN_LAYOUT` when no names, or the names of several towers, are there; `BAD_OPTION` for an unknown `asked`.
 */
export async function detectLayout(names: readonly string[], asked = 'auto'): Promise<Layout> {
  const candidates = LAYOUT_NAMES.filter((layout) => asked === 'auto' || layout === asked)
    .map(layoutOf)
    .filter((layout) => names.some((name) => isOfTower(name, layout)))
  // A text model may have bare `encoder.layers.…` too; the patch embedding tells the tower.
  const towers = candidates.filter(({ prefix, timm }) =>
    names.includes(prefix + (timm ? TIMM_PATCH_WEIGHT : PATCH_WEIGHT)),
  )
  const all = towers.length > 0 ? towers : candidates
  const [found, ...others] = all
  if (found && others.length === 0) return found
  throw (await import('./refusals.js')).noLayout(names, asked, all)
}

export function layoutOf(layout: LayoutName): Layout {
  const prefix = layout === 'bare' || layout === 'timm' ? '' : `${layout.replace('.timm', '')}.`
  return { layout, prefix, timm: layout.endsWith('timm') }
}

function isOfTower(name: string, { prefix, timm }: Layout): boolean {
  if (!timm) return canonicalName(name, prefix) !== null
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : ''
  return rest === TIMM_PATCH_WEIGHT || TIMM_BLOCK.test(rest)
}

/** Places of the tower's tensors, by canonical name, in a layout that is not timm's. */
export function towerPlaces(names: readonly string[], prefix: string): Map<string, Place> {
  const places = new Map<string, Place>()
  for (const name of names) {
    const canonical = canonicalName(name, prefix)
    if (canonical !== null) places.set(canonical, { name, part: 0, parts: 1 })
  }
  return places
}

/** Whether a canonical name is one of a matrix of a block, which may be stored as int8 (docs/int8.md). */
export function isBlockMatrix(name: string): boolean {
  return /^encoder\.layers\.\d+\..*(_proj|\.fc[12])\.weight$/.test(name)
}

/** Name of the scales that lie beside a matrix of int8. */
export function scaleName(matrix: string): string {
  return `${matrix}_scale`
}

/** `name` without `prefix`, when what remains is the canonical name of a tensor of the tower; else null. */
export function canonicalName(name: string, prefix: string): string | null {
  if (!name.startsWith(prefix)) return null
  const rest = name.slice(prefix.length)
  return BLOCK.test(rest) || OUTSIDE_BLOCKS.test(rest) ? rest : null
}

/** Index of the block that a canonical name belongs to, or null. */
export function blockOf(name: string): number | null {
  const index = BLOCK.exec(name)?.[1]
  return index === undefined ? null : Number(index)
}

/** `.weight` [out, into] and `.bias` [out] of a linear map. */
export function linearTensors(name: string, out: number, into: number): ExpectedTensor[] {
  return [
    { name: `${name}.weight`, shape: [out, into] },
    { name: `${name}.bias`, shape: [out] },
  ]
}

/** `.weight` and `.bias` of a layer norm. */
export function normTensors(name: string, width: number): ExpectedTensor[] {
  return [
    { name: `${name}.weight`, shape: [width] },
    { name: `${name}.bias`, shape: [width] },
  ]
}

/** The four maps of an attention, `{q,k,v,out}_proj`, all of [width, width]. */
export function attentionTensors(name: string, width: number): ExpectedTensor[] {
  return ['q', 'k', 'v', 'out'].flatMap((x) => linearTensors(`${name}.${x}_proj`, width, width))
}

/** All tensors of the tower in the order of the network: 16·L + 5 of them. Linear weights are [out, in]. */
export function towerTensors({ layers, width, mlp, patch, table, embedding }: TowerShape): ExpectedTensor[] {
  const block = (i: number): ExpectedTensor[] => {
    const at = `encoder.layers.${i}`
    return [
      ...normTensors(`${at}.layer_norm1`, width),
      ...attentionTensors(`${at}.self_attn`, width),
      ...normTensors(`${at}.layer_norm2`, width),
      ...linearTensors(`${at}.mlp.fc1`, mlp, width),
      ...linearTensors(`${at}.mlp.fc2`, width, mlp),
    ]
  }
  return [
    { name: PATCH_WEIGHT, shape: embedding === 'linear' ? [width, patch * patch * 3] : [width, 3, patch, patch] },
    { name: 'embeddings.patch_embedding.bias', shape: [width] },
    { name: 'embeddings.position_embedding.weight', shape: [table * table, width] },
    ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
    ...normTensors('post_layernorm', width),
  ]
}

/** The numbers of a `VisionConfig` that shapes depend on. */
interface TowerShape {
  readonly layers: number
  readonly width: number
  readonly mlp: number
  readonly patch: number
  readonly table: number
  /** Default `conv`. */
  readonly embedding?: 'conv' | 'linear'
}
