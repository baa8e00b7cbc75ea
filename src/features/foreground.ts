import { SovitError } from '../errors.js'
import { checkDims, type Dims } from './center.js'

/** Of the border's tokens, the share that a patch is compared with: a picture's edge may show several things. */
const NEAREST = 0.25

/**
 * How unlike each patch is to the border of the picture, which mostly shows background: 1 less the mean cosine with the
 * quarter of the border's tokens that are most alike. A threshold on it parts objects from what is behind them (the
 * boundary prior of saliency: Wei et al., ECCV 2012).
 *
 * @param tokens [P, C], as they are: not centred
 * @param grid [rows, columns], P = rows·columns
 * @returns [P], from 0 (alike) to 2
 * @throws SovitError `BAD_OPTION` when dims or grid do not fit
 */
export function foreground(tokens: Float32Array, dims: Dims, grid: readonly [number, number]): Float32Array {
  checkDims(tokens, dims)
  const [patches, channels] = dims
  const [rows, columns] = grid
  if (rows * columns !== patches) {
    const what = `A grid of ${rows} × ${columns} does not have ${patches} patches`
    throw new SovitError('BAD_OPTION', `${what}. Pass tokens, dims and grid of one encoding.`)
  }
  const lengths = Float64Array.from({ length: patches }, (_, p) =>
    Math.sqrt(tokens.subarray(p * channels, (p + 1) * channels).reduce((sum, value) => sum + value * value, 0)),
  )
  const border = Array.from({ length: patches }, (_, p) => p).filter((p) => {
    const [row, column] = [Math.floor(p / columns), p % columns]
    return row === 0 || row === rows - 1 || column === 0 || column === columns - 1
  })
  const nearest = Math.max(1, Math.round(border.length * NEAREST))
  const cosines = new Float64Array(border.length)
  return Float32Array.from({ length: patches }, (_, p) => {
    border.forEach((edge, i) => {
      let dot = 0
      for (let c = 0; c < channels; c++) dot += (tokens[p * channels + c] ?? 0) * (tokens[edge * channels + c] ?? 0)
      const product = (lengths[p] ?? 0) * (lengths[edge] ?? 0)
      cosines[i] = product === 0 ? 0 : dot / product
    })
    cosines.sort()
    return 1 - cosines.subarray(-nearest).reduce((sum, value) => sum + value, 0) / nearest
  })
}
