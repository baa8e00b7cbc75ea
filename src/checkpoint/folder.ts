/** Checkpoints that lie beside other files: config.json, and the index of shards. A File, or bytes, have none of these. */
import { SovitError, type SovitErrorCode } from '../errors.js'
import { decodeUtf8, isObject, type JsonObject } from './json.js'
import { metered, type Meter } from './meter.js'
import { OpenCheckpoint, openFile, Shard } from './opened.js'
import { INDEX, parseIndex } from './shards.js'
import type { Folder, PlaceInFolder } from './sources.js'
import type { ByteSource, Checkpoint } from './types.js'

export { notInShard } from './shards.js'

const WEIGHTS = 'model.safetensors'
const CONFIG = 'config.json'
/** An index of 1000 tensors has 80 kB, a config.json 5 kB. */
const MAX_TEXT = 64 * 2 ** 20

/** Opens the weights that were named, or those that the folder holds, with its config.json. */
export async function openInFolder(
  place: PlaceInFolder,
  meter: Meter,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  if (place.weights) return openFile(place.name, () => readConfig(place, meter, signal), place.weights, meter, signal)
  // It comes while weights are looked for: answers that a load waits for one after another are what people see of it.
  const config = readConfig(place, meter, signal)
  config.catch(() => undefined) // heard of where it is needed
  const beside = () => config
  const { folder } = place
  const whole = place.index ? null : await folder.find(WEIGHTS, signal)
  if (whole) return openFile(place.name, beside, whole, meter, signal)
  const index = place.index ?? (await folder.find(INDEX, signal))
  if (index) return openSharded(place.name, config, index, folder, meter, signal)
  const only = folder.weightFiles?.length === 1 ? await folder.find(String(folder.weightFiles[0]), signal) : null
  if (only) return openFile(place.name, beside, only, meter, signal)
  const wayOut = 'Name a file, or a folder that holds a checkpoint in safetensors form'
  throw new SovitError('NOT_FOUND', `Neither ${WEIGHTS} nor ${INDEX} is in ${place.name}. ${wayOut}.`)
}

async function openSharded(
  name: string,
  config: Promise<JsonObject | null>,
  index: ByteSource,
  folder: Folder,
  meter: Meter,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  const shardNames = parseIndex(await readSmall(metered(index, meter), 'BAD_INDEX', signal), index.name)
  const find = async (file: string): Promise<ByteSource> => {
    const source = await folder.find(file, signal)
    if (source) return metered(source, meter)
    const what = `${index.name} names the file ${file}, which is not in ${folder.name}`
    throw new SovitError('NOT_FOUND', `${what}. Download the missing file, or pass it too.`)
  }
  const shards = new Map([...new Set(shardNames.values())].map((file) => [file, new Shard(file, () => find(file))]))
  const shardOf = new Map<string, Shard>()
  for (const [tensor, file] of shardNames) {
    const shard = shards.get(file)
    if (shard) shardOf.set(tensor, shard)
  }
  return new OpenCheckpoint(name, await config, new Map(), [...shards.values()], shardOf, meter)
}

/** config.json beside the weights, or null. Beside a single file its absence, or a refusal to tell, is fine. */
async function readConfig(place: PlaceInFolder, meter: Meter, signal?: AbortSignal): Promise<JsonObject | null> {
  const source = await place.folder.find(CONFIG, signal).catch((error: unknown) => {
    if (place.weights && error instanceof SovitError && error.code === 'ACCESS_DENIED') return null
    throw error
  })
  if (!source) return null
  const bytes = await readSmall(metered(source, meter), 'BAD_CONFIG', signal)
  let config: unknown
  try {
    config = JSON.parse(decodeUtf8(bytes))
  } catch (cause) {
    throw new SovitError('BAD_CONFIG', `${source.name} is not JSON. Correct it, or download it again.`, { cause })
  }
  if (isObject(config)) return config
  throw new SovitError('BAD_CONFIG', `${source.name} is not a JSON object. Correct it, or download it again.`)
}

async function readSmall(source: ByteSource, tooLarge: SovitErrorCode, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    const size = await source.size(signal)
    if (size <= MAX_TEXT) return await source.read(0, size, signal)
    throw new SovitError(tooLarge, `${source.name} has ${size} bytes; at most ${MAX_TEXT} are read. Check the file.`)
  } finally {
    await source.close?.()
  }
}
