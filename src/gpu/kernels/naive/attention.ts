import naiveCode from '../../../../shaders/attention_naive.wgsl?raw'
import { attention, type AttentionSpec, type AttentionVariant } from '../attention.js'
import { type Kernel, specialise } from '../../kernel.js'
import { u32 } from '../weights.js'

/** The plainest attention, with the buffers and tiles of the tuned one: the oracle of its tests, never in a bundle. */
export function attentionNaive(spec: AttentionSpec, variant: AttentionVariant): Kernel {
  const kernel = attention(spec, variant)
  const consts = { H: u32(spec.heads), D: u32(spec.headSize), TILE: u32(kernel.queryTile ?? 1) }
  return {
    ...kernel,
    name: 'attention_naive',
    code: specialise(naiveCode, { consts, aliases: { Elem: spec.type } }),
    workgroupBytes: 0,
  }
}
