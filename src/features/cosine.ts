import { SovitError } from '../errors.js'
import { checkDims, type Dims, meanCenter } from './center.js'

/** Options of `cosineMap`. */
export interface CosineOptions {
  /** Subtract the mean token first, which separates things much better. Default true. */
  readonly center?: boolean
}

/**
 * Cosine between one patch and every patch: what else in the picture looks alike.
 *
 * @param tokens [P, C]
 * @param index the patch, in raster order
 * @returns [P], from -1 to 1; 0 where a token has no length
 * @throws SovitError `BAD_OPTION` when the patch does not exist or dims do not fit
 */
export function cosineMap(tokens: Float32Array, dims: Dims, index: number, options: CosineOptions = {}): Float32Array {
  checkDims(tokens, dims)
  const [patches, channels] = dims
  if (!Number.isInteger(index) || index < 0 || index >= patches) {
    throw new SovitError('BAD_OPTION', `There is no patch ${index}: the picture has patches 0 to ${patches - 1}.`)
  }
  const rows = (options.center ?? true) ? meanCenter(tokens, dims) : tokens
  const row = (patch: number): Float32Array => rows.subarray(patch * channels, (patch + 1) * channels)
  const chosen = row(index)
  const length = Math.sqrt(dot(chosen, chosen))
  return Float32Array.from({ length: patches }, (_, patch) => {
    const other = row(patch)
    const product = length * Math.sqrt(dot(other, other))
    return product === 0 ? 0 : Math.min(1, Math.max(-1, dot(chosen, other) / product))
  })
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}
