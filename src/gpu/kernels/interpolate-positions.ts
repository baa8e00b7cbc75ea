import code from '../../../shaders/interpolate_positions.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, type RunSizes, specialise } from '../kernel.js'
import { requireMultipleOf4, spreadOut, u32, weightConst, type WeightType } from './weights.js'

export interface InterpolatePositionsSpec {
  /** Width; a multiple of 4. */
  readonly C: number
  /** Side of the table. */
  readonly S: number
  /** Form of the table as stored. */
  readonly table: Exclude<WeightType, 'i8'>
}

const THREADS = 64

/**
 * `y[P,C]`: the position table, resized, at the row and column of each patch, in f32. Binds `table` [S,S,C], `places`
 * [P,2] (entries of `axes`: the patch's row and column), `axes` [E,4] (first tap, taps, 0, 0), `taps` [N,2] (index along
 * the axis, bits of the f32 weight), `y`, `size` (P, 0, 0, 0).
 *
 * @throws SovitError `SHADER` when C is not a multiple of 4
 */
export function interpolatePositions({ C, S, table }: InterpolatePositionsSpec): Kernel {
  requireMultipleOf4('interpolate_positions', { C })
  // Entries differ in their taps, at the border for one: the mean will do.
  const products = ({ P = 0, E = 1, N = 0 }: RunSizes) => P * C * (N / E) ** 2
  return {
    name: 'interpolate_positions',
    variant: '',
    code: specialise(code, { consts: { S: u32(S), N: u32(C), TABLE: weightConst(table) } }),
    constants: {},
    bindings: [
      { name: 'table', access: 'read', type: table, shape: ['S', 'S', 'C'] },
      { name: 'places', access: 'read', type: 'u32', shape: ['P', 2] },
      { name: 'axes', access: 'read', type: 'u32', shape: ['E', 4] },
      { name: 'taps', access: 'read', type: 'u32', shape: ['N', 2] },
      { name: 'y', access: 'write', type: 'f32', shape: ['P', 'C'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: { C, S },
    workgroupBytes: 0,
    invocations: THREADS,
    workgroups: ({ P = 0 }) => spreadOut(Math.ceil((P * C) / 4 / THREADS)),
    flops: (run) => 2 * products(run),
    bytes: (run) => products(run) * ELEMENT_BYTES[table] + 4 * C * (run.P ?? 0),
    accumulators: 8,
  }
}
