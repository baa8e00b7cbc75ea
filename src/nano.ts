/** sovit-nano, the built-in model: the names that it was trained on, and a check of what computes it. */
import { builtInModel } from './built-in.js'
import { readSmallFile } from './checkpoint/small-file.js'
import type { EncodeInput, Encoding } from './encoder/types.js'
import type { LogitScale } from './features/zero-shot.js'
import type { AbortSignal } from './platform.js'

/** The model itself: what `load()` loads when it is given nothing. */
export { builtInModel }
export type { LogitScale }

/** Names, and the vectors that stand for them: the model's tokens and pooled embedding lie in the same space. */
export interface Labels {
  /** K of them, e.g. `dog`. */
  readonly names: readonly string[]
  /** The same as emoji, e.g. `🐶`. */
  readonly emoji: readonly string[]
  /** A row of length 1 for each name, [K, C], row-major. */
  readonly vectors: Float32Array
  /** Makes of a token's cosine the probability that its patch shows the name: for `zeroShotMap`. */
  readonly patch: LogitScale
  /** The same of the pooled embedding, and the picture: for `zeroShot`. */
  readonly pooled: LogitScale
}

/**
 * Fetches what sovit-nano knows by name, 92 kB; in Node from the package's folder.
 *
 * ```ts
 * import { zeroShotMap } from 'sovit/features'
 * import { loadLabels } from 'sovit/nano'
 *
 * const { names, vectors, patch } = await loadLabels()
 * const map = zeroShotMap(tokens, dims, vectors, patch) // [P, K]: how surely each patch shows each name
 * ```
 *
 * @throws SovitError `NETWORK`, `NOT_FOUND` and others of a file that cannot be read; `ABORTED`
 */
export async function loadLabels({ signal }: { readonly signal?: AbortSignal } = {}): Promise<Labels> {
  // Bundlers find the file by this expression and ship it.
  const file = await readSmallFile(new URL('../weights/nano/labels.safetensors', import.meta.url), signal)
  const list = (key: string) => JSON.parse(file.metadata.get(key) ?? '[]') as readonly string[]
  const number = (name: string): number => file.tensor(name).data[0] ?? NaN
  const scoresOf = (what: string): LogitScale => ({
    scale: number(`${what}_logit_scale`),
    bias: number(`${what}_logit_bias`),
  })
  return {
    names: list('names'),
    emoji: list('emoji'),
    vectors: file.tensor('labels').data,
    patch: scoresOf('patch'),
    pooled: scoresOf('pooled'),
  }
}

/** How far a device's results are from PyTorch's. */
export interface SelfCheck {
  /** Squared error over squared magnitude of all tokens: about 1e-12 in precision f32, 1e-6 in f16. */
  readonly nmse: number
  /** The least cosine of a token with the expected one. */
  readonly cosine: number
}

/**
 * Encodes a small picture and compares its tokens with those that transformers computed (weights/train/export.py).
 *
 * @param encoder of either `VisionEncoder`, loaded with the built-in model
 * @throws SovitError as `encode` does, and for a file that cannot be read
 */
export async function selfCheck(encoder: {
  encode(input: EncodeInput): Promise<Pick<Encoding, 'tokens'>>
}): Promise<SelfCheck> {
  const file = await readSmallFile(new URL('../weights/nano/expected.safetensors', import.meta.url))
  const { shape, data } = file.tensor('pixel_values.0')
  const [, height = 0, width = 0] = shape
  const expected = file.tensor('last_hidden_state.0')
  const { tokens } = await encoder.encode({ pixels: { data, height, width } })
  return compare(tokens, expected.data, expected.shape[1] ?? 0)
}

function compare(actual: Float32Array, expected: Float32Array, channels: number): SelfCheck {
  let [error, power, cosine] = [0, 0, 1]
  for (let begin = 0; begin < expected.length; begin += channels) {
    let [dot, ofActual, ofExpected] = [0, 0, 0]
    for (let i = begin; i < begin + channels; i++) {
      const [a, e] = [actual[i] ?? NaN, expected[i] ?? NaN]
      dot += a * e
      ofActual += a * a
      ofExpected += e * e
      error += (a - e) ** 2
    }
    power += ofExpected
    cosine = Math.min(cosine, dot / Math.sqrt(ofActual * ofExpected))
  }
  return { nmse: error / power, cosine }
}
