import { SovitError } from '../errors.js'

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
export function zeroShot(image: Float32Array, texts: Float32Array, { scale, bias }: LogitScale): Float32Array {
  const C = image.length
  if (C === 0 || texts.length % C !== 0) {
    throw new SovitError(
      'BAD_OPTION',
      `Texts of ${texts.length} numbers are no rows of ${C}, as the picture's embedding.`,
    )
  }
  const length = Math.hypot(...image)
  return Float32Array.from({ length: texts.length / C }, (_, t) => {
    const text = texts.subarray(t * C, (t + 1) * C)
    const dot = text.reduce((sum, value, i) => sum + value * (image[i] ?? 0), 0)
    const logit = (Math.exp(scale) * dot) / (length * Math.hypot(...text)) + bias
    return 1 / (1 + Math.exp(-logit))
  })
}
