import { SovitError } from '../errors.js'

/** Patches and channels, [P, C]. */
export type Dims = readonly [number, number]

/** Throws `BAD_OPTION` unless `tokens` holds exactly P·C values, at least one. */
export function checkDims(tokens: Float32Array, [patches, channels]: Dims): void {
  const whole = [patches, channels].every((n) => Number.isInteger(n) && n > 0)
  if (!whole || tokens.length !== patches * channels) {
    throw new SovitError(
      'BAD_OPTION',
      `dims [${patches}, ${channels}] describe ${patches * channels} values, but there are ${tokens.length}. ` +
        'Pass tokens and dims of one encoding; tokens that stay on the GPU are not here.',
    )
  }
}

/**
 * Tokens less their mean over the patches. What all patches share says nothing about any of them, and hides what differs.
 *
 * @param tokens [P, C]
 * @returns [P, C], a copy
 */
export function meanCenter(tokens: Float32Array, dims: Dims): Float32Array {
  checkDims(tokens, dims)
  const [patches, channels] = dims
  const mean = new Float64Array(channels)
  tokens.forEach((value, i) => {
    mean[i % channels] = (mean[i % channels] ?? 0) + value / patches
  })
  return tokens.map((value, i) => value - (mean[i % channels] ?? 0))
}
