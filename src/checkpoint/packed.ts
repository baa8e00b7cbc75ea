import { SovitError } from '../errors.js'
import type { Place } from '../model/layouts.js'
import type { TensorInfo } from './types.js'

/** Stored with a first axis of 1: a table of positions, and the query of a pooling head. */
const ONE_OF = /^(embeddings\.position_embedding\.weight|head\.probe)$/

/**
 * The tensor that the network calls `canonical`, of the stored one where it lies: a run of its rows, whose bytes follow one
 * another in the file, or all of it without a first axis of 1. Throws `TENSOR_SHAPE`.
 */
export function unpack(tensor: TensorInfo, canonical: string, { part, parts }: Place): TensorInfo {
  const { name, shape, begin, end } = tensor
  const [first = 0, ...others] = shape
  if (parts === 1)
    return ONE_OF.test(canonical) && first === 1 && shape.length === 3 ? { ...tensor, shape: others } : tensor
  if (first % parts !== 0) {
    const what = `Tensor ${name} has the shape [${shape.join(', ')}], but packs ${parts} tensors of as many rows each`
    throw new SovitError('TENSOR_SHAPE', `${what}. Check that it is the right checkpoint, and complete.`)
  }
  const bytes = (end - begin) / parts
  return {
    ...tensor,
    part: canonical.split('.').slice(-2).join('.'),
    shape: [first / parts, ...others],
    begin: begin + part * bytes,
    end: begin + (part + 1) * bytes,
  }
}
