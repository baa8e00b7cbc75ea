/**
 * A network as data: named operations on symbolic tensors, in the order in which the paper writes them. Operations are
 * pure; each names its inputs, its parameters and its one output. Nothing here knows how they are computed.
 */

/** A symbolic tensor, named by the operation that makes it. */
export type Value = string

/** A trained tensor, by its canonical name (the suffix that all layouts share). */
export interface Parameter {
  readonly name: string
  readonly shape: readonly number[]
  /** Of one that is stored otherwise: as B matrices of R×S, which `shape` has as S×R. */
  readonly transposed?: readonly [batches: number, rows: number, columns: number]
}

/**
 * How many rows a value has: `times` for each patch of a batch (a quarter, where 2×2 patches are one row), for each group
 * of pictures that are looked at together (queries of a resampler), or `once` whatever the batch.
 */
export interface Rows {
  readonly per: 'patch' | 'group' | 'once'
  readonly times: number
}

export const PATCHES: Rows = { per: 'patch', times: 1 }

export type Operation =
  /** out[P, C] = convolution of p×p patches with stride p: im2col(pixels)[P, 3p²] · weight[C, 3p²]ᵀ + bias[C] */
  | { readonly op: 'patch_embed'; readonly out: Value; readonly weight: Parameter; readonly bias: Parameter }
  /** out[P, C] = x[P, C] + table[id(p), C] */
  | { readonly op: 'position'; readonly out: Value; readonly x: Value; readonly table: Parameter }
  /** out[P, C] = (x − mean) / √(variance + eps) · weight[C] + bias[C], over C */
  | {
      readonly op: 'layer_norm'
      readonly out: Value
      readonly x: Value
      readonly weight: Parameter
      readonly bias: Parameter
      readonly eps: number
    }
  /** out[P, N] = x[P, K] · weight[N, K]ᵀ + bias[N], or without a bias */
  | {
      readonly op: 'linear'
      readonly out: Value
      readonly x: Value
      readonly weight: Parameter
      readonly bias: Parameter | null
    }
  /** out[P, C] = softmax(q kᵀ / √D) v for each of H heads, within each picture or each window of 2×2 */
  | {
      readonly op: 'attention'
      readonly out: Value
      readonly q: Value
      readonly k: Value
      readonly v: Value
      readonly heads: number
      readonly headSize: number
      readonly within: 'picture' | 'window'
    }
  | { readonly op: 'gelu'; readonly out: Value; readonly x: Value; readonly form: 'tanh' | 'erf' }
  | { readonly op: 'add'; readonly out: Value; readonly x: Value; readonly y: Value }
  /** out[P, C]: the position table of a picture's own size, interpolated to its grid */
  | { readonly op: 'interpolate'; readonly out: Value; readonly table: Parameter }
  /** out[Q, C] = weight: rows that are the same for all pictures */
  | { readonly op: 'learned'; readonly out: Value; readonly weight: Parameter }
  /** out[G·Q, C] = softmax(q kᵀ / √D) v: the learned q[Q, C] look at the rows of each group */
  | {
      readonly op: 'cross_attention'
      readonly out: Value
      readonly q: Value
      readonly k: Value
      readonly v: Value
      readonly heads: number
      readonly headSize: number
    }
  /** out[P, C] = x[P, C] + sines and cosines of each patch's column, row, and frame */
  | { readonly op: 'sincos'; readonly out: Value; readonly x: Value }
  /** out[P, C] = x[P, C], the four rows of each window of 2×2 one after another, windows in raster order */
  | { readonly op: 'windows'; readonly out: Value; readonly x: Value }
  /** out[P/4, 4C] = x[P, C]: four rows side by side */
  | { readonly op: 'merge'; readonly out: Value; readonly x: Value }
  /** out[P/4, C] = the mean of four rows of x[P, C] */
  | { readonly op: 'mean'; readonly out: Value; readonly x: Value }

/** What a network gives: the tower's tokens, and what is made of them. */
export type OutputName = 'tokens' | 'pooled' | 'resampled' | 'merged'

export interface Output {
  readonly name: OutputName
  readonly value: Value
}

export interface Network {
  /** Those of the tower first, up to its tokens; then those of the heads. */
  readonly operations: readonly Operation[]
  /** The tokens first. */
  readonly outputs: readonly [Output, ...Output[]]
  /** Values that may be looked at from outside: the residual stream after the embeddings and after each block. */
  readonly taps: readonly Value[]
}

/** The values that an operation reads. */
export function inputs(operation: Operation): readonly Value[] {
  switch (operation.op) {
    case 'patch_embed':
    case 'interpolate':
    case 'learned':
      return []
    case 'attention':
    case 'cross_attention':
      return [operation.q, operation.k, operation.v]
    case 'add':
      return [operation.x, operation.y]
    default:
      return [operation.x]
  }
}
