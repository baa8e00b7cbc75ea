import matmul4x4 from '../../../shaders/matmul_4x4.wgsl?raw'
import matmul4x4Residual from '../../../shaders/matmul_4x4_residual.wgsl?raw'
import matmul8x8 from '../../../shaders/matmul_8x8.wgsl?raw'
import matmul8x8Residual from '../../../shaders/matmul_8x8_residual.wgsl?raw'
import matmulDirect from '../../../shaders/matmul_direct.wgsl?raw'
import matmulDirectResidual from '../../../shaders/matmul_direct_residual.wgsl?raw'
import { type Binding, ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { requireMultipleOf4, u32, weightConst, type WeightType } from './weights.js'

export type Epilogue = 'bias' | 'gelu_tanh' | 'gelu_erf' | 'residual'

/** Rows x columns of one workgroup, through workgroup memory; `direct` reads storage only, for devices that run on a CPU. */
export type MatmulTile = 'direct' | '32x32' | '64x64' | '128x128'

export interface MatmulSpec {
  /** Columns of `x` and of `weight`; a multiple of 4. */
  readonly K: number
  /** Rows of `weight`, columns of `y`; a multiple of 4. */
  readonly N: number
  readonly weight: WeightType
  readonly input: 'f32' | 'f16'
  readonly output: 'f32' | 'f16'
  readonly epilogue: Epilogue
  /** Default `64x64`. No tile changes a bit of the result. */
  readonly tile?: MatmulTile
}

interface Tile {
  readonly name: string
  readonly code: string
  readonly residual: string
  readonly consts: Readonly<Record<string, string>>
  readonly rows: number
  readonly columns: number
  readonly threads: number
}

const K_STEP = 16

const TILES: Readonly<Record<MatmulTile, Tile>> = {
  direct: {
    name: 'matmul_direct',
    code: matmulDirect,
    residual: matmulDirectResidual,
    consts: {},
    rows: 8,
    columns: 128,
    threads: 8,
  },
  '32x32': staged('matmul_4x4', matmul4x4, matmul4x4Residual, 4, 8),
  '64x64': staged('matmul_8x8', matmul8x8, matmul8x8Residual, 8, 8),
  '128x128': staged('matmul_8x8', matmul8x8, matmul8x8Residual, 8, 16),
}

function staged(name: string, code: string, residual: string, perThread: number, side: number): Tile {
  const consts = { TX: u32(side), TY: u32(side), K_STEP: u32(K_STEP) }
  return { name, code, residual, consts, rows: perThread * side, columns: perThread * side, threads: side * side }
}

/**
 * The tile for a device and a size, by a plain rule: a CPU gets `direct`; a GPU the largest tile that still gives it
 * some 128 workgroups, about one for each core of a large GPU, because idle cores cost more than small tiles.
 */
export function defaultTile(device: { software: boolean }, size: { P: number; N: number }): MatmulTile {
  if (device.software) return 'direct'
  const largest = (['128x128', '64x64'] as const).find((name) => {
    const { rows, columns } = TILES[name]
    return Math.ceil(size.P / rows) * Math.ceil(size.N / columns) >= 128
  })
  return largest ?? '32x32'
}

/** Rows for which tiles are ranked: one picture at 448×448. More rows only fill the device better. */
const TYPICAL_ROWS = 1024

/** The tiles that a device may choose among, the best guess first. */
export function matmulTiles(device: { software: boolean }, { N }: { N: number }): readonly MatmulTile[] {
  const guess = defaultTile(device, { P: TYPICAL_ROWS, N })
  return [guess, ...(Object.keys(TILES) as MatmulTile[]).filter((tile) => tile !== guess)]
}

/**
 * `y[P,N] = epilogue(x[P,K] · weight[N,K]ᵀ + bias[N])`, weights as the checkpoint stores them, sums in f32 in increasing
 * k. Binds `x`, `weight`, `bias` (f32), `residual` (f32, only with that epilogue), `y`, and `size` (P, 0, 0, 0).
 *
 * @throws SovitError `SHADER` when K or N is not a multiple of 4.
 */
export function matmul(spec: MatmulSpec): Kernel {
  const { K, N, weight, input, output, epilogue } = spec
  requireMultipleOf4('matmul', { K, N })
  const variant = spec.tile ?? '64x64'
  const tile = TILES[variant]
  const residual = epilogue === 'residual'
  const consts = { K: u32(K), N: u32(N), WEIGHT: weightConst(weight), ...tile.consts }
  const bindings: Binding[] = [
    { name: 'x', access: 'read', type: input, shape: ['P', 'K'] },
    { name: 'weight', access: 'read', type: weight, shape: ['N', 'K'] },
    { name: 'bias', access: 'read', type: 'f32', shape: ['N'] },
    { name: 'y', access: 'write', type: output, shape: ['P', 'N'] },
    { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
  ]
  if (residual) bindings.splice(3, 0, { name: 'residual', access: 'read', type: 'f32', shape: ['P', 'N'] })
  return {
    name: residual ? `${tile.name}_residual` : tile.name,
    variant,
    code: specialise(residual ? tile.residual : tile.code, {
      consts: residual ? consts : { ...consts, EPILOGUE: epilogue.toUpperCase() },
      aliases: { In: input, Out: output },
    }),
    constants: {},
    bindings,
    dims: { K, N },
    workgroupBytes: tile.name === 'matmul_direct' ? 0 : (tile.rows + tile.columns) * K_STEP * 4,
    invocations: tile.threads,
    workgroups: ({ P = 0 }) => [Math.ceil(N / tile.columns), Math.ceil(P / tile.rows), 1],
    flops: ({ P = 0 }) => 2 * P * K * N,
    bytes: ({ P = 0 }) => {
      const x = Math.ceil(N / tile.columns) * P * K * ELEMENT_BYTES[input]
      const w = Math.ceil(P / tile.rows) * N * K * ELEMENT_BYTES[weight]
      return x + w + P * N * (ELEMENT_BYTES[output] + (residual ? 4 : 0))
    },
    accumulators: (tile.rows * tile.columns) / tile.threads,
  }
}
