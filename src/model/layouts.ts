/**
 * Tensor names of the vision tower. The canonical names are the suffixes that all checkpoints in the form of
 * transformers share (modeling_siglip.py); a layout is the prefix that a family puts before them.
 */
import { SovitError } from '../errors.js'

/** SigLIP and the 980-NaViT checkpoint; Idefics2; MiniCPM-V; the tower alone. */
const PREFIXES = {
  vision_model: 'vision_model.',
  'model.vision_model': 'model.vision_model.',
  vpm: 'vpm.',
  bare: '',
} as const

export type LayoutName = keyof typeof PREFIXES

export const LAYOUT_NAMES: readonly string[] = Object.keys(PREFIXES)

export interface Layout {
  readonly layout: LayoutName
  /** Put before a canonical name, it gives the name in the checkpoint. */
  readonly prefix: string
}

export interface ExpectedTensor {
  /** Canonical name. */
  readonly name: string
  readonly shape: readonly number[]
}

const PATCH_WEIGHT = 'embeddings.patch_embedding.weight'
const BLOCK =
  /^encoder\.layers\.(0|[1-9]\d{0,3})\.(layer_norm[12]|self_attn\.(q|k|v|out)_proj|mlp\.fc[12])\.(weight|bias|weight_scale)$/
const OUTSIDE_BLOCKS =
  /^(embeddings\.(patch_embedding\.(weight|bias)|position_embedding\.weight)|post_layernorm\.(weight|bias))$/

/**
 * Recognises the layout of a checkpoint by the names of its tensors, or checks the one that the caller asks for.
 * Throws `UNKNOWN_LAYOUT` when no names, or the names of several towers, are there; `BAD_OPTION` for an unknown `asked`.
 */
export function detectLayout(names: readonly string[], asked = 'auto'): Layout {
  if (asked !== 'auto' && !isLayoutName(asked)) {
    const known = Object.keys(PREFIXES).join(', ')
    throw new SovitError('BAD_OPTION', `There is no layout "${asked}". Choose auto, ${known}.`)
  }
  const candidates = Object.keys(PREFIXES)
    .filter(isLayoutName)
    .filter((layout) => asked === 'auto' || layout === asked)
    .map((layout) => ({ layout, prefix: PREFIXES[layout] }))
    .filter(({ prefix }) => names.some((name) => canonicalName(name, prefix) !== null))
  // A text model may have bare `encoder.layers.…` too; the patch embedding tells the tower.
  const towers = candidates.filter(({ prefix }) => names.includes(prefix + PATCH_WEIGHT))
  const [found, ...others] = towers.length > 0 ? towers : candidates
  if (!found) throw new SovitError('UNKNOWN_LAYOUT', describeUnknown(names, asked))
  if (others.length === 0) return found
  const all = [found, ...others].map(({ layout }) => layout).join(', ')
  throw new SovitError(
    'UNKNOWN_LAYOUT',
    `The checkpoint has several vision towers: ${all}. Choose one with \`layout\`.`,
  )
}

/** Whether a canonical name is one of a matrix of a block, which may be stored as int8 (docs/int8.md). */
export function isBlockMatrix(name: string): boolean {
  return /_proj\.weight$|\.fc[12]\.weight$/.test(name)
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

/** All tensors of the tower in the order of the network: 16·L + 5 of them. Linear weights are [out, in]. */
export function towerTensors({ layers, width, mlp, patch, table }: TowerShape): ExpectedTensor[] {
  const linear = (name: string, out: number, into: number): ExpectedTensor[] => [
    { name: `${name}.weight`, shape: [out, into] },
    { name: `${name}.bias`, shape: [out] },
  ]
  const norm = (name: string): ExpectedTensor[] => [
    { name: `${name}.weight`, shape: [width] },
    { name: `${name}.bias`, shape: [width] },
  ]
  const block = (i: number): ExpectedTensor[] => {
    const at = `encoder.layers.${i}`
    return [
      ...norm(`${at}.layer_norm1`),
      ...['q', 'k', 'v', 'out'].flatMap((x) => linear(`${at}.self_attn.${x}_proj`, width, width)),
      ...norm(`${at}.layer_norm2`),
      ...linear(`${at}.mlp.fc1`, mlp, width),
      ...linear(`${at}.mlp.fc2`, width, mlp),
    ]
  }
  return [
    { name: PATCH_WEIGHT, shape: [width, 3, patch, patch] },
    { name: 'embeddings.patch_embedding.bias', shape: [width] },
    { name: 'embeddings.position_embedding.weight', shape: [table * table, width] },
    ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
    ...norm('post_layernorm'),
  ]
}

/** The numbers of a `VisionConfig` that shapes depend on. */
interface TowerShape {
  readonly layers: number
  readonly width: number
  readonly mlp: number
  readonly patch: number
  readonly table: number
}

function isLayoutName(text: string): text is LayoutName {
  return Object.hasOwn(PREFIXES, text)
}

function describeUnknown(names: readonly string[], asked: string): string {
  const first = names.slice(0, 5).map((name) => JSON.stringify(name))
  const found = names.length === 0 ? 'it has no tensors' : `its ${names.length} tensors begin with ${first.join(', ')}`
  const expected =
    asked === 'auto' ? Object.values(PREFIXES).map((p) => p + PATCH_WEIGHT) : [`names of the layout ${asked}`]
  return `No known vision tower is in the checkpoint: ${found}. Expected ${expected.join(' or ')}.`
}
