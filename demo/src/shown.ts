import type { Coverage, Grid } from './patch-view.js'

/** Tokens of one picture. */
export interface Tokens {
  /** [P, C] */
  readonly tokens: Float32Array
  readonly dims: readonly [number, number]
  readonly grid: Grid
  readonly coverage: Coverage
  /** [C]: the embedding of the whole picture, where the model has one. */
  readonly pooled: Float32Array | null
  /** Blocks of the model. */
  readonly depth: number
  /** Output of the embeddings and of each block but the last, [P, C] each; empty where they were not asked for. */
  readonly layers: readonly Float32Array[]
}

/** What the stage shows. */
export interface Shown {
  readonly bitmap: ImageBitmap
  /** Whether it shows emoji, which the built-in model knows by name. */
  readonly emoji: boolean
  /** Whether the built-in model made the tokens. */
  readonly nano: boolean
  /** Null until the picture is encoded. */
  readonly tokens: Tokens | null
}

/** As functions of `sovit/features` take them. */
export function dimsOf({ dims }: Tokens): [number, number] {
  return [...dims]
}
