import type { MatmulSpec } from '../../../src/gpu/kernels/matmul.js'
import type { PatchEmbedSpec } from '../../../src/gpu/kernels/patch-embed.js'

/** Sizes and formats on which kernels are tested and measured. */
export type MatmulCase = MatmulSpec & { readonly P: number }

const f32 = { input: 'f32', output: 'f32' } as const
const f16 = { input: 'f16', output: 'f16' } as const

/** One below and one above the edge of each tile in rows (16, 32, 64, 128) and columns (32, 64, 128); K with and without
 * a tail of the K step (16); the model's own odd sizes (588 = 3·14², 528 = 16·33, 4304 = 16·269). */
export const MATMUL_CASES: readonly MatmulCase[] = [
  { P: 1, K: 4, N: 4, weight: 'bf16', epilogue: 'bias', ...f32 },
  { P: 7, K: 12, N: 28, weight: 'f16', epilogue: 'bias', ...f32 },
  { P: 8, K: 16, N: 32, weight: 'f32', epilogue: 'residual', ...f32 },
  { P: 9, K: 20, N: 36, weight: 'f32', epilogue: 'gelu_tanh', ...f32 },
  { P: 31, K: 588, N: 60, weight: 'bf16', epilogue: 'residual', ...f32 },
  { P: 33, K: 144, N: 132, weight: 'bf16', epilogue: 'gelu_erf', ...f32 },
  { P: 63, K: 528, N: 68, weight: 'f16', epilogue: 'gelu_erf', ...f32 },
  { P: 65, K: 36, N: 124, weight: 'f32', epilogue: 'residual', ...f32 },
  { P: 127, K: 588, N: 140, weight: 'bf16', epilogue: 'bias', ...f32 },
  { P: 129, K: 144, N: 528, weight: 'f16', epilogue: 'gelu_tanh', ...f32 },
  { P: 1025, K: 144, N: 68, weight: 'bf16', epilogue: 'residual', ...f32 },
  { P: 2, K: 4304, N: 1152, weight: 'bf16', epilogue: 'residual', ...f32 },
  { P: 5, K: 1152, N: 4304, weight: 'bf16', epilogue: 'gelu_tanh', ...f32 },
  { P: 7, K: 12, N: 28, weight: 'i8', epilogue: 'gelu_tanh', ...f32 },
  { P: 65, K: 36, N: 124, weight: 'i8', epilogue: 'residual', ...f32 },
  { P: 33, K: 4304, N: 132, weight: 'i8', epilogue: 'bias', ...f32 },
  { P: 33, K: 588, N: 132, weight: 'f16', epilogue: 'bias', ...f16 },
  { P: 65, K: 144, N: 528, weight: 'f16', epilogue: 'gelu_tanh', ...f16 },
  { P: 31, K: 528, N: 144, weight: 'f16', epilogue: 'residual', input: 'f16', output: 'f32' },
]

/** The four matrix multiplies of a SoViT-400m block at 448×448, and their share of the block's arithmetic. */
export const SOVIT_MATMULS: readonly MatmulCase[] = [
  { P: 1024, K: 1152, N: 3456, weight: 'bf16', epilogue: 'bias', ...f32 },
  { P: 1024, K: 1152, N: 1152, weight: 'bf16', epilogue: 'residual', ...f32 },
  { P: 1024, K: 1152, N: 4304, weight: 'bf16', epilogue: 'gelu_tanh', ...f32 },
  { P: 1024, K: 4304, N: 1152, weight: 'bf16', epilogue: 'residual', ...f32 },
]

/** Pictures of `grids` (rows, columns of patches) packed into one batch. */
export type PatchEmbedCase = PatchEmbedSpec & { readonly grids: readonly (readonly [number, number])[] }

/** One below, at and above the tile's 32 rows, several pictures in a batch, every stored form. */
export const PATCH_EMBED_CASES: readonly PatchEmbedCase[] = [
  { grids: [[1, 1]], patch: 14, C: 4, S: 3, weight: 'f32', table: 'f32' },
  { grids: [[1, 31]], patch: 14, C: 36, S: 5, weight: 'bf16', table: 'f32' },
  { grids: [[4, 8]], patch: 2, C: 32, S: 4, weight: 'f16', table: 'bf16' },
  {
    grids: [
      [3, 11],
      [1, 1],
      [5, 2],
    ],
    patch: 14,
    C: 144,
    S: 7,
    weight: 'bf16',
    table: 'bf16',
  },
  {
    grids: [
      [2, 3],
      [10, 7],
    ],
    patch: 16,
    C: 60,
    S: 6,
    weight: 'f16',
    table: 'f16',
  },
]
