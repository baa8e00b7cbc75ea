import naiveCode from '../../../../shaders/layer_norm_naive.wgsl?raw'
import { layerNorm, type LayerNormSpec } from '../layer-norm.js'
import { type Kernel, specialise } from '../../kernel.js'
import { u32 } from '../weights.js'

/** The plainest layer norm, one thread a row: the oracle of the tuned one, never in a bundle. */
export function layerNormNaive(spec: LayerNormSpec): Kernel {
  return {
    ...layerNorm(spec),
    name: 'layer_norm_naive',
    code: specialise(naiveCode, {
      consts: { C: u32(spec.C), EPS: String(spec.eps) },
      aliases: { Out: spec.output },
    }),
    workgroupBytes: 0,
    invocations: 64,
    workgroups: ({ P = 0 }) => [Math.ceil(P / 64), 1, 1],
  }
}
