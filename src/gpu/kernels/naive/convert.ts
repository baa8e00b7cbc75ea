import naiveCode from '../../../../shaders/convert_naive.wgsl?raw'
import { type Kernel, specialise } from '../../kernel.js'
import { convert } from '../convert.js'
import { weightConst, type WeightType } from '../weights.js'

/** The plainest conversion: the oracle of the tuned one, never in a bundle. */
export function convertNaive(from: WeightType, to: 'f32' | 'f16'): Kernel {
  return {
    ...convert(from, to),
    name: 'convert_naive',
    code: specialise(naiveCode, { consts: { FROM: weightConst(from), TO: weightConst(to) } }),
    workgroups: ({ E = 0 }) => [Math.ceil(E / 64), 1, 1],
  }
}
