import naiveCode from '../../../../shaders/finite_naive.wgsl?raw'
import { type Kernel, specialise } from '../../kernel.js'
import { finite } from '../finite.js'
import { weightConst, type WeightType } from '../weights.js'

/** The plainest check: the oracle of the tuned one, never in a bundle. */
export function finiteNaive(from: Exclude<WeightType, 'i8'>): Kernel {
  return {
    ...finite(from),
    name: 'finite_naive',
    code: specialise(naiveCode, { consts: { FROM: weightConst(from) } }),
    workgroups: ({ E = 0 }) => [Math.ceil(E / 64), 1, 1],
  }
}
