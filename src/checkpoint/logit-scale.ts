import type { LogitScale } from '../features/zero-shot.js'
import { LOGIT_NAMES } from '../model/layouts.js'
import { toFloat32 } from './half.js'
import type { Checkpoint, TensorInfo } from './types.js'

/** The tensors of both, where a checkpoint has them; else none. */
export async function logitTensors(checkpoint: Checkpoint, signal?: AbortSignal): Promise<readonly TensorInfo[]> {
  if (!LOGIT_NAMES.every((name) => checkpoint.names.includes(name))) return []
  return [...(await checkpoint.describe(LOGIT_NAMES, signal)).values()]
}

/** SigLIP's two numbers that make scores of cosines, which lie beside its towers; null where they do not. */
export async function readLogitScale(checkpoint: Checkpoint, signal?: AbortSignal): Promise<LogitScale | null> {
  const tensors = await logitTensors(checkpoint, signal)
  if (tensors.length === 0) return null
  const raw = new Map(tensors.map((tensor) => [tensor, new Uint8Array(tensor.end - tensor.begin)]))
  await checkpoint.stream(raw.keys(), ({ tensor, offset, bytes }) => raw.get(tensor)?.set(bytes, offset), { signal })
  const [scale, bias] = LOGIT_NAMES.map((name) => {
    const tensor = tensors.find((one) => one.name === name)
    return tensor && toFloat32(tensor.dtype, raw.get(tensor) ?? new Uint8Array())[0]
  })
  return scale === undefined || bias === undefined ? null : { scale, bias }
}
