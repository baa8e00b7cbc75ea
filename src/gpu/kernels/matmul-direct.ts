import matmulDirect16x16 from '../../../shaders/matmul_direct_16x16.wgsl?raw'
import type { Epilogue, MatmulTile } from './matmul.js'

const LANES = 8

/** In the order of their numbers in the shader. */
const EPILOGUES: readonly Epilogue[] = ['bias', 'gelu_tanh', 'gelu_erf', 'residual']

/**
 * The tile of `matmul` without workgroup memory, 16 rows x 16 columns of a thread: for devices that run on a CPU. One of 32x8 took 15
 * to 30% longer on llvmpipe and SwiftShader.
 */
export const DIRECT_TILE: MatmulTile = {
  variant: 'direct-16x16',
  name: 'matmul_direct_16x16',
  code: matmulDirect16x16,
  consts: {},
  sizes: ({ K, N, stride, epilogue }) => [K, N, stride + EPILOGUES.indexOf(epilogue)],
  rows: 16,
  columns: LANES * 16,
  threads: LANES,
  workgroupBytes: 0,
}
