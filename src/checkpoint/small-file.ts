import { SovitError } from '../errors.js'
import { locateAddress } from './addresses.js'
import { toFloat32 } from './half.js'
import { openFile } from './opened.js'

/** All of a small safetensors file, its numbers as f32. */
export interface SmallFile {
  readonly metadata: ReadonlyMap<string, string>
  /** @throws SovitError `TENSOR_MISSING` */
  tensor(name: string): { readonly shape: readonly number[]; readonly data: Float32Array }
}

/** Reads a file that lies beside the weights of a model of ours. Throws what opening a checkpoint throws. */
export async function readSmallFile(address: URL, signal?: AbortSignal): Promise<SmallFile> {
  const { name, weights } = await locateAddress(address, {})
  if (!weights) throw new SovitError('NOT_FOUND', `${name} is a folder. Name a file.`)
  const checkpoint = await openFile(name, () => Promise.resolve(null), weights, { bytes: 0, cached: 0 }, signal)
  try {
    const tensors = await checkpoint.describe(checkpoint.names, signal)
    const raw = new Map([...tensors.values()].map((tensor) => [tensor, new Uint8Array(tensor.end - tensor.begin)]))
    await checkpoint.stream(raw.keys(), ({ tensor, offset, bytes }) => raw.get(tensor)?.set(bytes, offset), { signal })
    return {
      metadata: checkpoint.metadata,
      tensor(tensorName) {
        const tensor = tensors.get(tensorName)
        const bytes = tensor && raw.get(tensor)
        if (!bytes) throw new SovitError('TENSOR_MISSING', `${name} has no tensor '${tensorName}'. Install it again.`)
        return { shape: tensor.shape, data: toFloat32(tensor.dtype, bytes) }
      },
    }
  } finally {
    await checkpoint.close()
  }
}
