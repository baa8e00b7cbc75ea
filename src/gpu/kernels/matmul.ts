import { SovitError } from '../../errors.js'
import matmul4x4 from '../../../shaders/matmul_4x4.wgsl?raw'
import matmul8x8 from '../../../shaders/matmul_8x8.wgsl?raw'
import matmulDirect16x16 from '../../../shaders/matmul_direct_16x16.wgsl?raw'
import matmulDirect32x8 from '../../../shaders/matmul_direct_32x8.wgsl?raw'
import matmulF16of4x4 from '../../../shaders/matmul_f16_4x4.wgsl?raw'
import matmulF16of8x8 from '../../../shaders/matmul_f16_8x8.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { requireMultipleOf4, u32, weightConst, type WeightType } from './weights.js'

export type Epilogue = 'bias' | 'gelu_tanh' | 'gelu_erf' | 'residual'

/**
 * Rows x columns of one workgroup, through workgroup memory; `direct` ones, of one thread, read storage only: for devices
 * that run on a CPU.
 */
export type MatmulTile = 'direct-32x8' | 'direct-16x16' | '32x32' | '64x64' | '128x64' | '128x128'

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
  /** `f16`: products, and sums of 16 of them, in f16; input and weight must be f16. Default `f32`. */
  readonly arithmetic?: 'f32' | 'f16'
}

/** A shader, or the f16 one in its place, and how it divides the work. */
interface Tile {
  readonly name: string
  readonly code: string
  readonly half: { readonly name: string; readonly code: string } | null
  readonly consts: Readonly<Record<string, string>>
  readonly rows: number
  readonly columns: number
  readonly threads: number
}

const K_STEP = 16
const LANES = 8

const TILES: Readonly<Record<MatmulTile, Tile>> = {
  'direct-32x8': direct('matmul_direct_32x8', matmulDirect32x8, 32, 8),
  'direct-16x16': direct('matmul_direct_16x16', matmulDirect16x16, 16, 16),
  '32x32': staged(4, 8, 8),
  '64x64': staged(8, 8, 8),
  '128x64': staged(8, 16, 8),
  '128x128': staged(8, 16, 16),
}

function direct(name: string, code: string, rows: number, columns: number): Tile {
  return { name, code, half: null, consts: {}, rows, columns: LANES * columns, threads: LANES }
}

/** `perThread` rows and columns of a thread, `down` x `across` threads. */
function staged(perThread: 4 | 8, down: number, across: number): Tile {
  const [code, half] = perThread === 4 ? [matmul4x4, matmulF16of4x4] : [matmul8x8, matmulF16of8x8]
  const side = `${perThread}x${perThread}`
  return {
    name: `matmul_${side}`,
    code,
    half: { name: `matmul_f16_${side}`, code: half },
    consts: { TX: u32(across), TY: u32(down), K_STEP: u32(K_STEP) },
    rows: perThread * down,
    columns: perThread * across,
    threads: down * across,
  }
}

/** Rows for which tiles are ranked: one picture at 448×448. More rows only fill the device better. */
const TYPICAL_ROWS = 1024
/** Workgroups that fill a large GPU, which has about as many cores: idle cores cost more than small tiles. */
const ENOUGH_WORKGROUPS = 128

/** The tiles that a device may choose among, the best guess first. All give the same bits. */
export function matmulTiles(
  device: { readonly software: boolean },
  { N, arithmetic = 'f32' }: Pick<MatmulSpec, 'N' | 'arithmetic'>,
): readonly MatmulTile[] {
  if (device.software && arithmetic === 'f32') return ['direct-32x8', 'direct-16x16']
  const bySize = ['128x128', '128x64', '64x64', '32x32'] as const
  const workgroups = ({ rows, columns }: Tile) => Math.ceil(TYPICAL_ROWS / rows) * Math.ceil(N / columns)
  const guess = bySize.find((tile) => workgroups(TILES[tile]) >= ENOUGH_WORKGROUPS) ?? '32x32'
  return [guess, ...bySize.filter((tile) => tile !== guess)]
}

/**
 * `y[P,N] = epilogue(x[P,K] · weight[N,K]ᵀ + bias[N])`, weights as the checkpoint stores them, sums in f32 in increasing
 * k. Binds `x`, `weight`, `bias` (f32), `residual` (f32; only that epilogue reads it, others bind what they like), `y`,
 * and `size` (P, 0, 0, 0).
 *
 * @throws SovitError `SHADER` when K or N is not a multiple of 4, or f16 arithmetic meets other operands or a direct tile.
 */
export function matmul(spec: MatmulSpec): Kernel {
  const { K, N, weight, input, output, epilogue, tile: variant = '64x64' } = spec
  requireMultipleOf4('matmul', { K, N })
  const half = spec.arithmetic === 'f16'
  const tile = TILES[variant]
  const { name, code } = half ? halfOf(tile, spec) : tile
  const consts = { K: u32(K), N: u32(N), EPILOGUE: epilogue.toUpperCase(), ...tile.consts }
  return {
    name,
    variant,
    code: half
      ? specialise(code, { consts, aliases: { Out: output } })
      : specialise(code, { consts: { ...consts, WEIGHT: weightConst(weight) }, aliases: { In: input, Out: output } }),
    constants: {},
    bindings: [
      { name: 'x', access: 'read', type: input, shape: ['P', 'K'] },
      { name: 'weight', access: 'read', type: weight, shape: ['N', 'K'] },
      { name: 'bias', access: 'read', type: 'f32', shape: ['N'] },
      { name: 'residual', access: 'read', type: 'f32', shape: epilogue === 'residual' ? ['P', 'N'] : ['N'] },
      { name: 'y', access: 'write', type: output, shape: ['P', 'N'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: { K, N },
    workgroupBytes: tile.half ? (tile.rows + tile.columns) * K_STEP * (half ? 2 : 4) : 0,
    invocations: tile.threads,
    workgroups: ({ P = 0 }) => [Math.ceil(N / tile.columns), Math.ceil(P / tile.rows), 1],
    flops: ({ P = 0 }) => 2 * P * K * N,
    bytes: ({ P = 0 }) => {
      const x = Math.ceil(N / tile.columns) * P * K * ELEMENT_BYTES[input]
      const w = Math.ceil(P / tile.rows) * N * K * ELEMENT_BYTES[weight]
      return x + w + P * N * (ELEMENT_BYTES[output] + (epilogue === 'residual' ? 4 : 0))
    },
    accumulators: (tile.rows * tile.columns) / tile.threads,
  }
}

function halfOf(tile: Tile, { input, weight }: MatmulSpec): { readonly name: string; readonly code: string } {
  if (tile.half && input === 'f16' && weight === 'f16') return tile.half
  throw new SovitError(
    'SHADER',
    `matmul: f16 arithmetic needs f16 operands and a staged tile, not ${input} by ${weight} in ${tile.name}.`,
  )
}
