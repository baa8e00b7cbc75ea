import { SovitError } from '../errors.js'
import { checkDims, type Dims } from './center.js'

/** Tokens of one picture: [P, C], row-major. */
export interface TokenMap {
  /** Of one encoding. */
  readonly tokens: Float32Array
  /** Of the same. */
  readonly dims: Dims
}

/** Two patches, one of each picture, of which each is the most alike to the other. */
export interface Match {
  /** The patch of the first picture, in raster order. */
  readonly from: number
  /** That of the second. */
  readonly to: number
  /** From -1 to 1. */
  readonly cosine: number
}

/**
 * Cosine between one patch of a picture and every patch of another: where the other picture shows the like. Tokens are
 * taken less the mean of both pictures', as `cosineMap` does within one.
 *
 * @param index the patch of `from`, in raster order
 * @returns [P of `to`], from -1 to 1; 0 where a token has no length
 * @throws SovitError `BAD_OPTION` when the patch does not exist, dims do not fit, or the pictures' channels differ
 */
export function crossCosineMap(from: TokenMap, index: number, to: TokenMap): Float32Array {
  const [a, b] = directions(from, to)
  if (!Number.isInteger(index) || index < 0 || index >= from.dims[0]) {
    throw new SovitError('BAD_OPTION', `There is no patch ${index}: the picture has patches 0 to ${from.dims[0] - 1}.`)
  }
  return cosines(a, index, b, from.dims[1])
}

/**
 * Patches of two pictures that are each other's most alike (mutual nearest neighbours), best first. Of equals the first in
 * raster order counts.
 *
 * @throws SovitError `BAD_OPTION` when dims do not fit, or the pictures' channels differ
 */
export function matchPatches(from: TokenMap, to: TokenMap): Match[] {
  const [a, b] = directions(from, to)
  const there = Array.from({ length: from.dims[0] }, () => ({ patch: 0, cosine: -Infinity }))
  const back = Array.from({ length: to.dims[0] }, () => ({ patch: 0, cosine: -Infinity }))
  there.forEach((best, i) => {
    cosines(a, i, b, from.dims[1]).forEach((cosine, j) => {
      const other = back[j]
      if (cosine > best.cosine) Object.assign(best, { patch: j, cosine })
      if (other && cosine > other.cosine) Object.assign(other, { patch: i, cosine })
    })
  })
  return there
    .map(({ patch, cosine }, i) => ({ from: i, to: patch, cosine }))
    .filter(({ from, to }) => back[to]?.patch === from)
    .sort((x, y) => y.cosine - x.cosine)
}

/** Both pictures' tokens less the mean of all, of length 1 (or 0). */
function directions(from: TokenMap, to: TokenMap): [Float32Array, Float32Array] {
  checkDims(from.tokens, from.dims)
  checkDims(to.tokens, to.dims)
  const channels = from.dims[1]
  if (to.dims[1] !== channels) {
    const what = `Tokens of ${channels} and of ${to.dims[1]} channels cannot be compared`
    throw new SovitError('BAD_OPTION', `${what}. Encode both pictures by one model.`)
  }
  const patches = from.dims[0] + to.dims[0]
  const mean = new Float64Array(channels)
  for (const { tokens } of [from, to]) {
    tokens.forEach((value, i) => {
      mean[i % channels] = (mean[i % channels] ?? 0) + value / patches
    })
  }
  return [unit(from.tokens, mean), unit(to.tokens, mean)]
}

function unit(tokens: Float32Array, mean: Float64Array): Float32Array {
  const channels = mean.length
  const rows = tokens.map((value, i) => value - (mean[i % channels] ?? 0))
  for (let begin = 0; begin < rows.length; begin += channels) {
    const row = rows.subarray(begin, begin + channels)
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0))
    if (length > 0) row.forEach((value, i) => (row[i] = value / length))
  }
  return rows
}

function cosines(a: Float32Array, index: number, b: Float32Array, channels: number): Float32Array {
  const result = new Float32Array(b.length / channels)
  const begin = index * channels
  for (let patch = 0; patch < result.length; patch++) {
    let sum = 0
    for (let i = 0, at = patch * channels; i < channels; i++, at++) sum += (a[begin + i] ?? 0) * (b[at] ?? 0)
    result[patch] = Math.min(1, Math.max(-1, sum))
  }
  return result
}
