import matmulDirect16x16 from '../../../shaders/matmul_direct_16x16.wgsl?raw'
import matmulDirect32x8 from '../../../shaders/matmul_direct_32x8.wgsl?raw'
import type { Epilogue, MatmulTile } from './matmul.js'

const LANES = 8

/** In the order of their numbers in the shaders. */
const EPILOGUES: readonly Epilogue[] = ['bias', 'gelu_tanh', 'gelu_erf', 'residual']

const sizes: MatmulTile['sizes'] = ({ K, N, stride, epilogue }) => [K, N, stride + EPILOGUES.indexOf(epilogue)]

/** Tiles of `matmul` without workgroup memory, rows x columns of one thread: for devices that run on a CPU. Fastest first. */
export const DIRECT_TILES: readonly MatmulTile[] = [
  direct('16x16', 'matmul_direct_16x16', matmulDirect16x16, 16, 16),
  direct('32x8', 'matmul_direct_32x8', matmulDirect32x8, 32, 8),
]

function direct(side: string, name: string, code: string, rows: number, columns: number): MatmulTile {
  const variant = `direct-${side}`
  return {
    variant,
    name,
    code,
    consts: {},
    sizes,
    rows,
    columns: LANES * columns,
    threads: LANES,
    workgroupBytes: 0,
  }
}
