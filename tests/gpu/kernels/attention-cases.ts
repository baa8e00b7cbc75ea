import type { AttentionSpec } from '../../../src/gpu/kernels/attention.js'

/** Shapes on which attention is tested and measured. */
export interface AttentionCase extends AttentionSpec {
  /** Rows of each image of a packed batch. */
  readonly segments: readonly number[]
}

/** Around the edges of query tiles (32 to 256) and of blocks of keys (8 to 32), every head size named in design.md. */
export const ATTENTION_CASES: readonly AttentionCase[] = [
  { heads: 1, headSize: 4, segments: [1, 9], type: 'f32' },
  { heads: 2, headSize: 64, segments: [63], type: 'f32' },
  { heads: 3, headSize: 72, segments: [1, 7, 63, 64, 65, 257], type: 'f32' },
  { heads: 2, headSize: 80, segments: [65], type: 'f32' },
  { heads: 1, headSize: 128, segments: [33], type: 'f32' },
  { heads: 1, headSize: 256, segments: [33], type: 'f32' },
  { heads: 1, headSize: 72, segments: [1032, 2], type: 'f32' },
  { heads: 2, headSize: 72, segments: [1, 37, 130], type: 'f16' },
  { heads: 1, headSize: 4, segments: [3], type: 'f16' },
]

/** SoViT-400m at 448×448. */
export const SOVIT_ATTENTION: AttentionCase = { heads: 16, headSize: 72, segments: [1024], type: 'f32' }
