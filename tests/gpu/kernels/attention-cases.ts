import type { AttentionSpec } from '../../../src/gpu/kernels/attention.js'

/** Shapes on which attention is tested and measured. */
export interface AttentionCase extends AttentionSpec {
  /** Rows of each image of a packed batch. */
  readonly segments: readonly number[]
}

/** Around the edges of a query tile (64) and of a block of keys (8), every head size named in design.md, one row too. */
export const ATTENTION_CASES: readonly AttentionCase[] = [
  { heads: 1, headSize: 4, segments: [1], type: 'f32' },
  { heads: 2, headSize: 8, segments: [7, 8, 9], type: 'f32' },
  { heads: 2, headSize: 64, segments: [63], type: 'f32' },
  { heads: 2, headSize: 72, segments: [64], type: 'f32' },
  { heads: 16, headSize: 72, segments: [65], type: 'f32' },
  { heads: 2, headSize: 80, segments: [129], type: 'f32' },
  { heads: 1, headSize: 128, segments: [130, 1], type: 'f32' },
  { heads: 1, headSize: 256, segments: [33], type: 'f32' },
  { heads: 2, headSize: 72, segments: [1, 37, 1032, 2], type: 'f32' },
  { heads: 2, headSize: 72, segments: [1, 37, 130], type: 'f16' },
  { heads: 1, headSize: 4, segments: [3], type: 'f16' },
]

/** SoViT-400m at 448×448. */
export const SOVIT_ATTENTION: AttentionCase = { heads: 16, headSize: 72, segments: [1024], type: 'f32' }
