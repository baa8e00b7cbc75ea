/**
 * What lies behind the tower, and the merger within it: which there are, and their numbers. MAP head (modeling_siglip.py, timm's
 * attention_pool.py), resampler (MiniCPM-V 2.5 to 4.5), mergers (modeling_minicpmv4_6.py).
 */
import { SovitError } from '../errors.js'
import type { VisionJson } from './config-json.js'
import { agree, badConfig, mismatch, sizesOf, type MergerConfig, type Tensors, type VisionConfig } from './config.js'
import type { PoolingConfig, ResamplerConfig } from './config.js'
import { headPlaces } from './head-names.js'
import type { Layout, Place } from './layouts.js'

import { RESAMPLER_HEAD } from './resampler.js'

export { headName } from './head-names.js'
export { headTensors } from './head-tensors.js'

export type Heads = Pick<VisionConfig, 'pooling' | 'resampler' | 'merger'>

/** Places of the heads' tensors that are there and used: `4x` needs no merger within the tower. */
export function usedHeadPlaces(
  names: readonly string[],
  layout: Layout,
  json: VisionJson | null,
  merge: '4x' | '16x' | undefined,
): Map<string, Place> {
  const places = headPlaces(names, layout)
  if ((merge ?? json?.merger?.mode) !== '4x') return places
  return new Map([...places].filter(([canonical]) => !canonical.startsWith('vit_merger.')))
}

/**
 * The heads that the checkpoint has. `merge` is the caller's. Throws `CONFIG_MISMATCH`, `BAD_CONFIG`, `BAD_OPTION`,
 * `TENSOR_MISSING`.
 */
export function resolveHeads(
  tensors: Tensors,
  json: VisionJson | null,
  tower: VisionConfig,
  merge: '4x' | '16x' | undefined,
): Heads {
  const has = (start: string): boolean => [...tensors.keys()].some((name) => name.startsWith(start))
  const merger = resolveMerger(tensors, json ?? {}, tower, merge, has('merger.') || has('vit_merger.'))
  return {
    pooling: has('head.') ? resolvePooling(tensors, json ?? {}, tower) : null,
    resampler: has('resampler.') ? resolveResampler(tensors, json ?? {}) : null,
    merger,
  }
}

function resolvePooling(tensors: Tensors, json: VisionJson, tower: VisionConfig): PoolingConfig {
  if (json.head === false) {
    const wayOut = "Use the config.json that belongs to the weights, or load with heads 'none'"
    const both = 'config.json has vision_use_head false, the tensors have a pooling head'
    throw new SovitError('CONFIG_MISMATCH', `${both}. ${wayOut}.`)
  }
  const seen = sizesOf(tensors, 0, 'head.mlp.fc1.bias', 'head.mlp.fc1.weight')
  const mlp = agree('the width of the pooling MLP', undefined, seen.length > 0 ? seen : [tower.mlp])
  if (mlp % 4 !== 0) throw badConfig(`the MLP of the pooling head is ${mlp} wide, not a multiple of 4`)
  return { mlp }
}

function resolveResampler(tensors: Tensors, json: VisionJson): ResamplerConfig {
  const widths = sizesOf(tensors, 0, 'resampler.ln_q.weight', 'resampler.proj', 'resampler.kv_proj.weight')
  const width = agree('hidden_size of the language model', json.languageWidth, [
    ...widths,
    ...sizesOf(tensors, 1, 'resampler.query'),
  ])
  if (width % RESAMPLER_HEAD !== 0) {
    throw badConfig(`the resampler is ${width} wide, not a multiple of its head size ${RESAMPLER_HEAD}`)
  }
  return { width, queries: agree('query_num', json.queries, sizesOf(tensors, 0, 'resampler.query')) }
}

function resolveMerger(
  tensors: Tensors,
  json: VisionJson,
  tower: VisionConfig,
  merge: '4x' | '16x' | undefined,
  found: boolean,
): MergerConfig | null {
  if (!found) {
    if (json.merger) {
      const wayOut = "Use the whole checkpoint, or load the plain tower with heads 'none'"
      const both = `config.json is of a network with a merger (${json.modelType}), the tensors have none`
      throw new SovitError('CONFIG_MISMATCH', `${both}. ${wayOut}.`)
    }
    if (merge === undefined) return null
    throw new SovitError('BAD_OPTION', `merge is ${merge}, but the checkpoint has no merger. Leave merge out.`)
  }
  const mode = merge ?? json.merger?.mode ?? '16x'
  const after = json.merger?.after ?? 6
  if (mode === '16x' && after >= tower.layers) {
    throw mismatch(`The merger lies behind the block of index ${after}, but ${tower.layers} blocks are run`)
  }
  const mlps = [...tensors.keys()].map((name) => Number(/^merger\.mlp\.(\d+)\./.exec(name)?.[1] ?? -1) + 1)
  const times = agree('merger_times', json.merger?.times, [Math.max(1, ...mlps)])
  const last = `merger.mlp.${times - 1}.linear_2`
  const width = agree(
    'hidden_size of the language model',
    json.languageWidth,
    sizesOf(tensors, 0, `${last}.bias`, `${last}.weight`),
  )
  if (width % 4 !== 0) throw badConfig(`the merger gives ${width} values for a token, not a multiple of 4`)
  const inner = sizesOf(tensors, 0, 'vit_merger.linear_1.bias', 'vit_merger.linear_1.weight')
  const windowMlp = agree('4 × intermediate_size', json.mlp && 4 * json.mlp, inner.length > 0 ? inner : [4 * tower.mlp])
  return { mode, after, windowMlp, times, width }
}
