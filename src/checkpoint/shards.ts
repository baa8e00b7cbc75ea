/** model.safetensors.index.json: which file (shard) holds which tensor. */
import { SovitError } from '../errors.js'
import { decodeUtf8, duplicateKey, isObject } from './json.js'

export const INDEX = 'model.safetensors.index.json'
/** As `@huggingface/hub`. The largest published models have fewer than 200. */
const MAX_SHARDS = 10_000

/** Tensor name → shard name, of the bytes of an index called `file`. Throws `BAD_INDEX`. */
export function parseIndex(bytes: Uint8Array, file: string): ReadonlyMap<string, string> {
  const bad = (what: string, cause?: unknown): SovitError => badIndex(file, what, cause)
  let value: unknown
  let twice: string | null
  try {
    const text = decodeUtf8(bytes)
    value = JSON.parse(text)
    twice = duplicateKey(text)
  } catch (cause) {
    throw bad(`its ${bytes.length} bytes are not JSON`, cause)
  }
  if (twice !== null) throw bad(`it has the name ${JSON.stringify(twice)} twice`)
  if (!isObject(value) || !isObject(value.weight_map)) throw bad('it has no weight_map from tensor to file')
  const shardOf = new Map<string, string>()
  for (const [tensor, shard] of Object.entries(value.weight_map)) {
    if (typeof shard !== 'string')
      throw bad(`tensor ${JSON.stringify(tensor)} is in ${JSON.stringify(shard)}, no file name`)
    if (!isSafeName(shard)) {
      throw bad(
        `tensor ${JSON.stringify(tensor)} is in ${JSON.stringify(shard)}, which is no plain .safetensors file name`,
      )
    }
    shardOf.set(tensor, shard)
  }
  const shards = new Set(shardOf.values()).size
  if (shards === 0) throw bad('its weight_map is empty')
  if (shards > MAX_SHARDS) throw bad(`it names ${shards} files; at most ${MAX_SHARDS} are read`)
  return shardOf
}

/** A name in the same folder: no path, no scheme, nothing that an address or a file system would interpret. */
function isSafeName(shard: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._+-]*\.safetensors$/.test(shard)
}

/** The index of a checkpoint names a shard for a tensor that is not in it. */
export function notInShard(checkpoint: string, shard: string, tensor: string): SovitError {
  return badIndex(`${INDEX} of ${checkpoint}`, `it says that ${shard} holds ${tensor}, but the file does not`)
}

function badIndex(file: string, what: string, cause?: unknown): SovitError {
  return new SovitError('BAD_INDEX', `${file} is broken: ${what}. Download the checkpoint again.`, { cause })
}
