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
}

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
  /** out[P, N] = x[P, K] · weight[N, K]ᵀ + bias[N] */
  | {
      readonly op: 'linear'
      readonly out: Value
      readonly x: Value
      readonly weight: Parameter
      readonly bias: Parameter
    }
  /** out[P, C] = softmax(q kᵀ / √D) v for each of H heads, within each image */
  | {
      readonly op: 'attention'
      readonly out: Value
      readonly q: Value
      readonly k: Value
      readonly v: Value
      readonly heads: number
      readonly headSize: number
    }
  | { readonly op: 'gelu'; readonly out: Value; readonly x: Value; readonly form: 'tanh' | 'erf' }
  | { readonly op: 'add'; readonly out: Value; readonly x: Value; readonly y: Value }

export interface Network {
  readonly operations: readonly Operation[]
  /** The last value. */
  readonly output: Value
  /** Values that may be looked at from outside: the residual stream after the embeddings and after each block. */
  readonly taps: readonly Value[]
}

/** The values that an operation reads. */
export function inputs(operation: Operation): readonly Value[] {
  switch (operation.op) {
    case 'patch_embed':
      return []
    case 'attention':
      return [operation.q, operation.k, operation.v]
    case 'add':
      return [operation.x, operation.y]
    default:
      return [operation.x]
  }
}
