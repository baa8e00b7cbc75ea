import naiveCode from '../../../../shaders/cross_attention_naive.wgsl?raw'
import { crossAttention, type CrossAttentionSpec } from '../cross-attention.js'
import { type Kernel, specialise } from '../../kernel.js'
import { u32 } from '../weights.js'

/** The plainest cross attention: the oracle of both tuned forms, never in a bundle. */
export function crossAttentionNaive(spec: CrossAttentionSpec): Kernel {
  const { heads, headSize, queries } = spec
  return {
    ...crossAttention(spec),
    name: 'cross_attention_naive',
    code: specialise(naiveCode, {
      consts: { H: u32(heads), D: u32(headSize), Q: u32(queries) },
      aliases: { Elem: spec.type },
    }),
    workgroupBytes: 0,
    invocations: 1,
    workgroups: ({ B = 0 }) => [B, heads, queries],
  }
}
