import type * as Packed from '../checkpoint/packed.js'
import { configOf } from '../checkpoint/recorded-config.js'
import type { Checkpoint, TensorInfo } from '../checkpoint/types.js'
import { SovitError } from '../errors.js'
import type { Resample } from '../image/types.js'
import { checkNetwork, storedTensors } from '../model/check.js'
import { resolveConfig } from '../model/config.js'
import { familyOf, positionsOf, resampleOf } from '../model/family.js'
import { detectLayout, LOGIT_NAMES, towerPlaces, towerTensors, type Place } from '../model/layouts.js'
import type { LoadOptions, ModelInfo, PositionMode } from './types.js'

/** A tower as its headers describe it: nothing of its weights was read yet. */
export interface DescribedTower {
  readonly model: ModelInfo
  readonly positions: PositionMode
  /** The filter by which pictures are resized where the caller does not say. */
  readonly resample: Resample
  /** By canonical name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly weightBytes: number
  /** Tensors of the checkpoint that the network does not use: language model, text tower, heads. They are never read. */
  readonly skipped: readonly string[]
  /** What the file says of itself. */
  readonly metadata: ReadonlyMap<string, string>
}

/** Names of what may lie behind a tower. */
const HEADS = /(^|\.)(head|attn_pool|resampler|vit_merger|merger)\./
/** Its rows tell SigLIP from SigLIP 2 where no config.json does. */
const VOCABULARY = 'text_model.embeddings.token_embedding.weight'

/** Every check that needs no weights: layout, network, names, shapes, dtypes. */
export async function describe(checkpoint: Checkpoint, options: LoadOptions): Promise<DescribedTower> {
  const { names } = checkpoint
  const layout = await detectLayout(names, options.layout)
  const stated = configOf(checkpoint)
  const own = layout.timm ? null : towerPlaces(names, layout.prefix)
  const mayHaveHeads = options.heads !== 'none' && names.some((name) => HEADS.test(name))
  // Files of their own: many checkpoints have nothing of these. All come at one time, and the header of the tower's shard with them, as a
  // page waits for each as long as for an answer.
  const [reader, timm, named, packed] = await Promise.all([
    stated && import('../model/config-json.js'),
    layout.timm ? import('../model/timm-names.js') : null,
    importHeads(options, mayHaveHeads),
    layout.timm || mayHaveHeads ? import('../checkpoint/packed.js') : null,
    own && checkpoint.describe(namesOf(own), options.signal),
  ])
  const json = (stated && reader?.readVisionJson(stated)) ?? null
  const heads = named ?? (await importHeads(options, json?.merger !== undefined))

  const places = new Map([
    ...(own ?? timm?.timmPlaces(names, layout.prefix) ?? []),
    ...(heads?.usedHeadPlaces(names, layout, json, options.merge) ?? []),
  ])
  const tensors = await findTensors(checkpoint, places, packed?.unpack, options.signal)
  const tower = resolveConfig({ tensors, json, timm: layout.timm, gelu: options.gelu, layers: options.layers })
  const config = heads ? { ...tower, ...heads.resolveHeads(tensors, json, tower, options.merge) } : tower
  const expected = storedTensors([...towerTensors(config), ...(heads?.headTensors(config) ?? [])], tensors)
  const nameOf = (canonical: string): string => {
    const { name, part } = tensors.get(canonical) ?? {}
    if (name !== undefined) return part === undefined ? name : `${name} (${part})`
    const missing = timm?.timmPlace(canonical, layout.prefix)?.name ?? heads?.headName(canonical, layout)
    return missing ?? layout.prefix + canonical
  }
  await checkNetwork({ config, json, expected, tensors, nameOf })

  const used = new Map<string, TensorInfo>()
  for (const { name } of expected) {
    const tensor = tensors.get(name)
    if (tensor) used.set(name, tensor)
  }
  const read = new Set([...used.values()].map(({ name }) => name))
  const { positions: asked = 'auto' } = options
  const family = familyOf(layout, config, json, json?.family ? undefined : await vocabulary(checkpoint, options.signal))
  return {
    model: {
      source: checkpoint.source,
      layout: layout.layout,
      family,
      dtype: [...new Set([...used.values()].map((tensor) => tensor.dtype))].join('+'),
      config,
    },
    positions: asked === 'auto' ? positionsOf(family, config.table) : asked,
    resample: resampleOf(family),
    tensors: used,
    weightBytes: [...used.values()].reduce((sum, { begin, end }) => sum + end - begin, 0),
    // The logits' scale and bias are read where embeddings are pooled, for themselves (checkpoint/logit-scale.ts).
    skipped: names.filter((name) => !read.has(name) && !(config.pooling && LOGIT_NAMES.includes(name))),
    metadata: checkpoint.metadata,
  }
}

/** What heads are named and shaped like, where there may be some and they are asked for. What plans them comes meanwhile. */
function importHeads({ heads, merge }: LoadOptions, mayBeThere: boolean) {
  if (heads !== 'none') {
    if (!mayBeThere && !merge) return null
    for (const later of [import('../model/head-networks.js'), import('../graph/heads.js')]) later.catch(() => undefined)
    return import('../model/head-config.js')
  }
  if (merge === undefined) return null
  const what = `merge is ${merge}, but heads 'none' leaves the merger out`
  throw new SovitError('BAD_OPTION', `${what}. Leave out one of them.`)
}

function namesOf(places: ReadonlyMap<string, Place>): ReadonlySet<string> {
  return new Set([...places.values()].map(({ name }) => name))
}

/** The tensors that lie in these places, by canonical name. */
async function findTensors(
  checkpoint: Checkpoint,
  places: ReadonlyMap<string, Place>,
  unpack: typeof Packed.unpack | undefined,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, TensorInfo>> {
  const stored = await checkpoint.describe(namesOf(places), signal)
  const tensors = new Map<string, TensorInfo>()
  for (const [canonical, place] of places) {
    const tensor = stored.get(place.name)
    if (tensor) tensors.set(canonical, unpack ? unpack(tensor, canonical, place) : tensor)
  }
  return tensors
}

async function vocabulary(checkpoint: Checkpoint, signal: AbortSignal | undefined): Promise<number | undefined> {
  if (!checkpoint.names.includes(VOCABULARY)) return undefined
  return (await checkpoint.describe([VOCABULARY], signal)).get(VOCABULARY)?.shape[0]
}
