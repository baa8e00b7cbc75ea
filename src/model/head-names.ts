/** Names of the heads' tensors: those of the hub, of transformers' classes, of timm, and of files that `sovit convert` wrote. */
import { headTensors } from './head-tensors.js'
import type { Layout, Place } from './layouts.js'

const PARTS = ['q', 'k', 'v']

/** timm's names of a pooling head (layers/attention_pool.py): the stem, and the part that it is. */
const TIMM: Readonly<Record<string, readonly [string, number?, number?]>> = {
  'attention.q_proj': ['attn_pool.q'],
  'attention.k_proj': ['attn_pool.kv', 0, 2],
  'attention.v_proj': ['attn_pool.kv', 1, 2],
  'attention.out_proj': ['attn_pool.proj'],
  layernorm: ['attn_pool.norm'],
  'mlp.fc1': ['attn_pool.mlp.fc1'],
  'mlp.fc2': ['attn_pool.mlp.fc2'],
}

/** OpenBMB's first files of MiniCPM-V 4.6 call the linear maps of the merger by their index in a Sequential. */
const IN_SEQUENTIAL: Readonly<Record<string, string>> = { linear_1: 'mlp.0', linear_2: 'mlp.2' }

/**
 * MiniCPM-V 1.0 and 2.0 have another resampler under the same names, with a table of positions beside. It is not
 * supported; tells whether it is there.
 */
export function hasOldResampler(names: readonly string[], { prefix, timm }: Layout): boolean {
  const resampler = `${outside(prefix)}resampler.`
  return names.includes(`${resampler}pos_embed`) || (timm && names.includes(`${resampler}query`))
}

/** Places of the heads' tensors that are there, by canonical name. */
export function headPlaces(names: readonly string[], layout: Layout): Map<string, Place> {
  const there = new Set(names)
  const places = new Map<string, Place>()
  const old = hasOldResampler(names, layout)
  for (const canonical of canonicalNames(names, layout)) {
    if (old && canonical.startsWith('resampler.')) continue
    const place = candidates(canonical, layout).find(({ name }) => there.has(name))
    if (place) places.set(canonical, place)
  }
  return places
}

/** What a checkpoint of this layout calls a head's tensor, as on the hub; null for tensors of no head. */
export function headName(canonical: string, layout: Layout): string | null {
  if (!/^(head|resampler|vit_merger|merger)\./.test(canonical)) return null
  return candidates(canonical, layout)[0]?.name ?? null
}

/** Of every head that there could be, with as many mergers as the checkpoint names. */
function canonicalNames(names: readonly string[], { prefix }: Layout): string[] {
  const mlp = new RegExp(`^${outside(prefix).replaceAll('.', '\\.')}(merger|resampler)\\.mlp\\.(\\d)\\.`)
  const times = names.reduce((most, name) => Math.max(most, Number(mlp.exec(name)?.[2] ?? -1) + 1), 0)
  const merger = { mode: '16x', after: 0, windowMlp: 1, times, width: 1 } as const
  const all = { width: 1, pooling: { mlp: 1 }, resampler: { queries: 1, width: 1 }, merger }
  return headTensors(all).map(({ name }) => name)
}

/** Where a head's tensor may lie, the name of the hub first. */
function candidates(canonical: string, { prefix, timm }: Layout): Place[] {
  const whole = (name: string): Place => ({ name, part: 0, parts: 1 })
  const [head = '', ...rest] = canonical.split('.')
  const [stem, kind = ''] = [rest.slice(0, -1).join('.'), rest.at(-1)]
  const outer = outside(prefix)
  if (head === 'head') {
    const tail = rest.join('.')
    if (timm) {
      const [name, part = 0, parts = 1] = TIMM[stem] ?? []
      return [
        name === undefined ? whole(`${prefix}attn_pool.latent`) : { name: `${prefix}${name}.${kind}`, part, parts },
      ]
    }
    return [...packed(`${prefix}head.`, tail), whole(`${prefix}head.${tail}`)]
  }
  if (head === 'resampler') return [...packed(`${outer}resampler.`, rest.join('.')), whole(outer + canonical)]
  if (head === 'vit_merger') {
    const within = prefix.endsWith('vision_tower.') ? [prefix, outer] : [outer, prefix]
    return within.map((at) => whole(at + canonical))
  }
  const [, i = '', name = ''] = rest
  const old = `mlp.${i}.${IN_SEQUENTIAL[name] ?? name}.${kind}`
  return [canonical, `merger.${old}`, `resampler.${old}`].map((name) => whole(outer + name))
}

/** Query, key and value of torch.nn.MultiheadAttention are one tensor: `in_proj_weight` and `in_proj_bias`. */
function packed(at: string, tail: string): Place[] {
  const [, stem, x = '', kind] = /^(.*\.)([qkv])_proj\.(weight|bias)$/.exec(tail) ?? []
  if (stem === undefined || kind === undefined) return []
  return [{ name: `${at}${stem}in_proj_${kind}`, part: PARTS.indexOf(x), parts: 3 }]
}

/** `model.vision_tower.` → `model.`, `vpm.` → ``: what lies beside the tower has this before it. */
function outside(prefix: string): string {
  return prefix.replace(/[^.]+\.$/, '')
}
