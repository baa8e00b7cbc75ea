import type { LayerNormSpec } from '../../../src/gpu/kernels/layer-norm.js'

/** Shapes on which layer norm is tested and measured. */
export interface LayerNormCase extends LayerNormSpec {
  readonly P: number
}

/** Around the rows of a workgroup (4), its lanes (16 vectors), and the lines of its grid (4 · 65535 rows). */
export const LAYER_NORM_CASES: readonly LayerNormCase[] = [
  { P: 1, C: 4, eps: 1e-6, output: 'f32' },
  { P: 3, C: 60, eps: 1e-6, output: 'f32' },
  { P: 4, C: 64, eps: 1e-6, output: 'f32' },
  { P: 5, C: 68, eps: 1e-5, output: 'f32' },
  { P: 37, C: 1152, eps: 1e-6, output: 'f32' },
  { P: 2, C: 8192, eps: 1e-6, output: 'f32' },
  { P: 262_145, C: 4, eps: 1e-6, output: 'f32' },
  { P: 7, C: 1152, eps: 1e-6, output: 'f16' },
]

/** SoViT-400m at 448×448. */
export const SOVIT_LAYER_NORM: LayerNormCase = { P: 1024, C: 1152, eps: 1e-6, output: 'f32' }
