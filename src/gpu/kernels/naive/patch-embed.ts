import naiveCode from '../../../../shaders/patch_embed_naive.wgsl?raw'
import { type Kernel, specialise } from '../../kernel.js'
import { patchEmbed, type PatchEmbedSpec } from '../patch-embed.js'
import { u32, weightConst } from '../weights.js'

/** The plainest patch embedding, one thread an output: the oracle of the tuned one, never in a bundle. */
export function patchEmbedNaive(spec: PatchEmbedSpec): Kernel {
  const { patch, C, weight, table } = spec
  const consts = { PATCH: u32(patch), N: u32(C), WEIGHT: weightConst(weight), TABLE: weightConst(table) }
  return {
    ...patchEmbed(spec),
    name: 'patch_embed_naive',
    code: specialise(naiveCode, { consts }),
    workgroupBytes: 0,
    invocations: 64,
    workgroups: ({ P = 0 }) => [Math.ceil(C / 8), Math.ceil(P / 8), 1],
  }
}
