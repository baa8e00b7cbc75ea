import naiveCode from '../../../../shaders/interpolate_positions_naive.wgsl?raw'
import { interpolatePositions, type InterpolatePositionsSpec } from '../interpolate-positions.js'
import { type Kernel, specialise } from '../../kernel.js'
import { u32, weightConst } from '../weights.js'

/** The plainest interpolation: the oracle of the tuned one, never in a bundle. */
export function interpolatePositionsNaive(spec: InterpolatePositionsSpec): Kernel {
  const { C, S, table } = spec
  return {
    ...interpolatePositions(spec),
    name: 'interpolate_positions_naive',
    code: specialise(naiveCode, { consts: { S: u32(S), N: u32(C), TABLE: weightConst(table) } }),
    workgroups: ({ P = 0 }) => [Math.ceil(C / 8), Math.ceil(P / 8), 1],
  }
}
