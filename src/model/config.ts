/**
 * Shapes are written in named letters everywhere:
 * B images, P patches (rows of all images of a batch, packed), C channels (width), H heads, D head size, F MLP width,
 * K = 3·p² values of a patch, S side of the position table, L blocks.
 */

/** The SigLIP tower, as numbers. SoViT-400m/14: L 27, C 1152, H 16, D 72, F 4304, p 14, S 70 (MiniCPM-V). */
export interface VisionConfig {
  /** L: blocks that are run. */
  readonly layers: number
  /** C */
  readonly width: number
  /** H */
  readonly heads: number
  /** D = C / H */
  readonly headSize: number
  /** F */
  readonly mlp: number
  /** p: side of a patch in pixels. */
  readonly patch: number
  /** S: side of the position table, in patches. */
  readonly table: number
  /** Form of the GELU: tanh everywhere but in timm's patch-14 layouts. */
  readonly gelu: 'tanh' | 'erf'
  /** Epsilon of every layer norm (1e-6). */
  readonly eps: number
}
