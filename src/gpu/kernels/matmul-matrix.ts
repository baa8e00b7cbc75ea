import halvesCode from '../../../shaders/matmul_matrix.wgsl?raw'
import floatsCode from '../../../shaders/matmul_matrix_f32.wgsl?raw'
import { SovitError } from '../../errors.js'
import type { Kernel } from '../kernel.js'
import type { MatrixShape } from '../types.js'
import { matmul, type MatmulSpec, type MatmulTile } from './matmul.js'
import { u32 } from './weights.js'

const K_STEP = 32
const UNIT_BYTES = 16
/** f32 sums that a lane can keep in registers. */
const MOST_SUMS = 128

/** Subgroups of a workgroup, and what each of them computes. */
export interface Division {
  readonly down: number
  readonly across: number
  readonly rows: number
  readonly columns: number
}

/**
 * Largest first. A subgroup's tile of 64 × 64 reads workgroup memory least, but leaves a lane of 32 few other registers.
 * 64 × 144 cuts the 1024 × 1152 outputs of a picture into 128 workgroups, one for each core of the largest GPUs.
 */
const DIVISIONS: readonly Division[] = [
  { down: 2, across: 2, rows: 64, columns: 64 },
  { down: 2, across: 4, rows: 64, columns: 32 },
  { down: 2, across: 3, rows: 32, columns: 48 },
  { down: 2, across: 2, rows: 64, columns: 32 },
  { down: 2, across: 2, rows: 32, columns: 32 },
  { down: 2, across: 2, rows: 16, columns: 16 },
]

/** Tiles of `matmul` on matrices of a shape, largest first. All give the same bits. */
export function matmulMatrixTiles(shape: MatrixShape): readonly MatmulTile[] {
  const { M, N, lanes, largest } = shape
  return DIVISIONS.filter(({ down, across, rows, columns }) => {
    const whole = rows % M === 0 && columns % N === 0 && (down * across * lanes) % largest === 0
    return whole && (rows * columns) / lanes <= MOST_SUMS
  }).map((division) => matmulMatrixTile(shape, division))
}

export function matmulMatrixTile(shape: MatrixShape, { down, across, rows, columns }: Division): MatmulTile {
  const { component, result, M, N, K, lanes, demand } = shape
  const tile = { rows: down * rows, columns: across * columns }
  const half = component === 'f16'
  const carry = result === 'f16'
  const unitsOf = (values: number, bytes: number) => (values * bytes) / UNIT_BYTES + 1 // one of padding
  const staged = (tile.rows + tile.columns) * unitsOf(K_STEP, half ? 2 : 4)
  const strip = down * M * unitsOf(tile.columns, carry ? 2 : 4)
  return {
    variant: `${tile.rows}x${tile.columns}-${down * across}`,
    name: half ? 'matmul_matrix' : 'matmul_matrix_f32',
    code: half ? halvesCode : floatsCode,
    consts: {
      ...{ SHAPE_M: u32(M), SHAPE_N: u32(N), SHAPE_K: u32(K), LANES: u32(lanes) },
      ...{ DOWN: u32(down), ACROSS: u32(across), ROWS: u32(rows / M), COLUMNS: u32(columns / N) },
      ...(half && { CARRY: String(carry) }),
    },
    ...(half && { aliases: { Sum: result } }),
    ...(demand && { subgroupSize: lanes }),
    ...tile,
    threads: down * across * lanes,
    workgroupBytes: UNIT_BYTES * Math.max(staged, strip),
  }
}

/**
 * As `matmul`, on matrices of f16 (then operands must be f16, K a multiple of 8) or of f32.
 *
 * @throws SovitError `SHADER` for other operands.
 */
export function matmulMatrix(spec: MatmulSpec, tile: MatmulTile): Kernel {
  if (!matmulMatrixFits(spec, { component: tile.code === halvesCode ? 'f16' : 'f32' })) {
    const { input, weight, K } = spec
    throw new SovitError(
      'SHADER',
      `${tile.name}: needs operands in f16 and K a multiple of 8, not ${input} by ${weight} with K = ${K}.`,
    )
  }
  return matmul(spec, tile)
}

/** Whether a product fits matrices of a shape. */
export function matmulMatrixFits(spec: MatmulSpec, { component }: Pick<MatrixShape, 'component'>): boolean {
  return component === 'f32' || (spec.input === 'f16' && spec.weight === 'f16' && spec.K % 8 === 0)
}
