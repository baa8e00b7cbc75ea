import { SovitError } from '../errors.js'
import { checkDims, type Dims } from './center.js'

/** What SigLIP learnt of its scores; a checkpoint stores both beside its towers. */
export interface LogitScale {
  /** Natural logarithm of the temperature's inverse (`logit_scale`). */
  readonly scale: number
  /** `logit_bias` */
  readonly bias: number
}

/**
 * How well a picture fits each of several texts, as SigLIP was trained to tell (arXiv 2303.15343; modeling_siglip.py):
 * sigmoid(exp(scale) · cosine + bias). Each is a probability of its own; they do not add up to 1.
 *
 * @param image [C]: the pooled embedding of a picture
 * @param texts [T, C]: embeddings of the texts, by the same checkpoint's text tower
 * @returns [T], from 0 to 1
 * @throws SovitError `BAD_OPTION` when the texts are not rows as long as the image's embedding
 */
export function zeroShot(image: Float32Array, texts: Float32Array, scores: LogitScale): Float32Array {
  return zeroShotMap(image, [1, image.length], texts, scores)
}

/**
 * The same of every patch: where each text is seen. For models whose tokens lie in one space with their texts, as those
 * of `sovit/nano` do; SigLIP's do not.
 *
 * @param tokens [P, C]
 * @param texts [T, C]
 * @returns [P, T], from 0 to 1
 * @throws SovitError `BAD_OPTION` when dims do not fit, or the texts are not rows as long as the tokens
 */
export function zeroShotMap(
  tokens: Float32Array,
  dims: Dims,
  texts: Float32Array,
  { scale, bias }: LogitScale,
): Float32Array {
  const [P, C] = dims
  if (C === 0 || texts.length % C !== 0) {
    throw new SovitError('BAD_OPTION', `Texts of ${texts.length} numbers are no rows of ${C}, as the picture's tokens.`)
  }
  checkDims(tokens, dims)
  const T = texts.length / C
  const lengths = (rows: Float32Array, count: number) =>
    Float64Array.from({ length: count }, (_, i) => Math.hypot(...rows.subarray(i * C, (i + 1) * C)))
  const [ofTokens, ofTexts] = [lengths(tokens, P), lengths(texts, T)]
  const temperature = Math.exp(scale)
  return Float32Array.from({ length: P * T }, (_, at) => {
    const [p, t] = [Math.floor(at / T), at % T]
    let dot = 0
    for (let i = 0; i < C; i++) dot += (tokens[p * C + i] ?? 0) * (texts[t * C + i] ?? 0)
    const product = (ofTokens[p] ?? 0) * (ofTexts[t] ?? 0)
    const cosine = product === 0 ? 0 : dot / product // as of all cosines here: 0 where there is no direction
    return 1 / (1 + Math.exp(-temperature * cosine - bias))
  })
}
