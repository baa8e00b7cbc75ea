import matmul4x4 from '../../../shaders/matmul_4x4.wgsl?raw'
import matmul8x8 from '../../../shaders/matmul_8x8.wgsl?raw'
import { ELEMENT_BYTES, type Kernel, specialise } from '../kernel.js'
import { requireMultipleOf4, u32, weightConst, type WeightType } from './weights.js'

export type Epilogue = 'bias' | 'gelu_tanh' | 'gelu_erf' | 'residual'

export interface MatmulSpec {
  /** Columns of `x` and of `weight`; a multiple of 4. */
  readonly K: number
  /** Rows of `weight`, columns of `y`; a multiple of 4. */
  readonly N: number
  readonly weight: WeightType
  readonly input: 'f32' | 'f16'
  readonly output: 'f32' | 'f16'
  readonly epilogue: Epilogue
  /** Columns of `y` and `residual`, where these N are a part of them. Default N. */
  readonly stride?: number
}

/** A shader, and how it divides the work. Tiles of one arithmetic give the same bits. */
export interface MatmulTile {
  /** e.g. `64x64`: rows x columns of a workgroup. */
  readonly variant: string
  readonly name: string
  readonly code: string
  readonly consts: Readonly<Record<string, string>>
  /** What the binding `size` tells a text that serves all shapes and epilogues. */
  readonly sizes?: (spec: Required<MatmulSpec>) => NonNullable<Kernel['sizes']>
  readonly aliases?: Readonly<Record<string, string>>
  /** Size of subgroups that the shader must demand. */
  readonly subgroupSize?: number
  readonly rows: number
  readonly columns: number
  readonly threads: number
  readonly workgroupBytes: number
}

const K_STEP = 16

/** Tiles of `down` x `across` threads, each of `perThread` rows and columns, through workgroup memory. */
export function stagedTiles(
  family: string,
  shaders: Readonly<Record<4 | 8, string>>,
  elementBytes: number,
): MatmulTile[] {
  const tile = (perThread: 4 | 8, down: number, across: number): MatmulTile => {
    const [rows, columns] = [perThread * down, perThread * across]
    return {
      variant: `${rows}x${columns}`,
      name: `${family}_${perThread}x${perThread}`,
      code: shaders[perThread],
      consts: { TX: u32(across), TY: u32(down), K_STEP: u32(K_STEP) },
      rows,
      columns,
      threads: down * across,
      workgroupBytes: (rows + columns) * K_STEP * elementBytes,
    }
  }
  return [tile(8, 16, 16), tile(8, 16, 8), tile(8, 8, 8), tile(4, 8, 8)]
}

/** The tiles of a GPU, largest first. */
export const MATMUL_TILES: readonly MatmulTile[] = stagedTiles('matmul', { 4: matmul4x4, 8: matmul8x8 }, 4)

/** Rows for which tiles are ranked: one picture at 448×448. More rows only fill the device better. */
const TYPICAL_ROWS = 1024
/** Workgroups that fill a large GPU, which has about as many cores: idle cores cost more than small tiles. */
const ENOUGH_WORKGROUPS = 128

/** Tiles for a GPU to choose among, the best guess first: the largest that fills it. */
export function ranked(tiles: readonly MatmulTile[], { N }: Pick<MatmulSpec, 'N'>): readonly MatmulTile[] {
  const workgroups = ({ rows, columns }: MatmulTile) => Math.ceil(TYPICAL_ROWS / rows) * Math.ceil(N / columns)
  const guess = tiles.find((tile) => workgroups(tile) >= ENOUGH_WORKGROUPS) ?? tiles.at(-1)
  return guess ? [guess, ...tiles.filter((tile) => tile !== guess)] : tiles
}

/**
 * `y[P,N] = epilogue(x[P,K] · weight[N,K]ᵀ + bias[N])`, weights as the checkpoint stores them, sums in f32 in increasing
 * k. Binds `x`, `weight`, `bias` (f32; behind those of int8 weights lie the scales of their rows, by which sums are
 * multiplied first), `residual` (f32; only that epilogue reads it, others bind what they like), `y`, `size` (P, and behind it
 * for a text of all shapes K, N, stride plus the number of its epilogue).
 *
 * @throws SovitError `SHADER` when K or N is not a multiple of 4.
 */
export function matmul(spec: MatmulSpec, tile: MatmulTile): Kernel {
  const { K, N, weight, input, output, epilogue, stride = N } = spec
  requireMultipleOf4('matmul', { K, N })
  const sizes = tile.sizes?.({ ...spec, stride })
  return {
    name: tile.name,
    variant: tile.variant,
    code: specialise(tile.code, {
      consts: {
        ...(!sizes && {
          K: u32(K),
          N: u32(N),
          ...(stride !== N && { Y_COLUMNS: u32(stride) }),
          EPILOGUE: epilogue.toUpperCase(),
        }),
        WEIGHT: weightConst(weight),
        ...tile.consts,
      },
      aliases: { In: input, Out: output, ...tile.aliases },
      subgroupSize: tile.subgroupSize,
    }),
    constants: {},
    bindings: [
      { name: 'x', access: 'read', type: input, shape: ['P', 'K'] },
      { name: 'weight', access: 'read', type: weight, shape: ['N', 'K'] },
      { name: 'bias', access: 'read', type: 'f32', shape: weight === 'i8' ? [2, 'N'] : ['N'] },
      { name: 'residual', access: 'read', type: 'f32', shape: epilogue === 'residual' ? ['P', 'stride'] : ['N'] },
      { name: 'y', access: 'write', type: output, shape: ['P', 'stride'] },
      { name: 'size', access: 'uniform', type: 'u32', shape: [4] },
    ],
    dims: { K, N, stride },
    ...(sizes && { sizes }),
    workgroupBytes: tile.workgroupBytes,
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
