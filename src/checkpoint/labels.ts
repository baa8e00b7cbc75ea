import { SovitError } from '../errors.js'
import type { LogitScale } from '../features/zero-shot.js'
import { locateAddress } from './addresses.js'
import { toFloat32 } from './half.js'
import { openFile } from './opened.js'

/** Names, and the vectors that stand for them where a model puts its tokens. */
export interface Labels {
  /** [K], e.g. `dog` */
  readonly names: readonly string[]
  /** [K], e.g. `🐶` */
  readonly emoji: readonly string[]
  /** [K, C], row-major; rows of length 1. */
  readonly vectors: Float32Array
  /** Makes of a token's cosine the probability that its patch shows it: for `zeroShotMap`. */
  readonly patch: LogitScale
  /** The same of the pooled embedding, and the picture: for `zeroShot`. */
  readonly pooled: LogitScale
}

const TENSORS = ['labels', 'patch_logit_scale', 'patch_logit_bias', 'pooled_logit_scale', 'pooled_logit_bias'] as const

/** Reads a file as weights/train/export.py writes it. Throws what reading any safetensors throws. */
export async function readLabels(address: URL, signal?: AbortSignal): Promise<Labels> {
  const { name, weights } = await locateAddress(address, {})
  if (!weights) throw new SovitError('NOT_FOUND', `${name} is no file. Name a file of labels.`)
  const checkpoint = await openFile(name, () => Promise.resolve(null), weights, { bytes: 0, cached: 0 }, signal)
  try {
    const tensors = await checkpoint.describe(TENSORS, signal)
    const raw = new Map([...tensors.values()].map((tensor) => [tensor, new Uint8Array(tensor.end - tensor.begin)]))
    await checkpoint.stream(raw.keys(), ({ tensor, offset, bytes }) => raw.get(tensor)?.set(bytes, offset), { signal })
    const values = new Map([...raw].map(([{ name, dtype }, bytes]) => [name, toFloat32(dtype, bytes)]))
    const scaleOf = (what: 'patch' | 'pooled'): LogitScale => ({
      scale: values.get(`${what}_logit_scale`)?.[0] ?? NaN,
      bias: values.get(`${what}_logit_bias`)?.[0] ?? NaN,
    })
    const list = (key: string) => JSON.parse(checkpoint.metadata.get(key) ?? '[]') as readonly string[]
    return {
      names: list('names'),
      emoji: list('emoji'),
      vectors: values.get('labels') ?? new Float32Array(),
      patch: scaleOf('patch'),
      pooled: scaleOf('pooled'),
    }
  } finally {
    await checkpoint.close()
  }
}
