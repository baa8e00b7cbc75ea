import { SovitError, type SovitErrorCode } from '../errors.js'
import { readHeader, type Header } from './header.js'
import { decodeUtf8, isObject, type JsonObject } from './json.js'
import { metered, type Meter } from './meter.js'
import { badIndex, parseIndex } from './shards.js'
import { locate, type Folder, type LocateOptions, type Place } from './sources.js'
import { planReads, streamTensors } from './stream.js'
import type { ByteSource, Checkpoint, ModelSource, StreamOptions, TensorChunk, TensorInfo } from './types.js'

const WEIGHTS = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'
const CONFIG = 'config.json'
/** An index of 1000 tensors has 80 kB, a config.json 5 kB. */
const MAX_TEXT = 64 * 2 ** 20

/**
 * Opens a checkpoint: finds its files and reads their names, config.json and, of a single file, the header. Weights are
 * read by `stream`.
 *
 * `source` is a path (`./…` or `/…`), an http(s) address (a folder's ends in `/`), `owner/repo` of the hub, a Blob, the
 * files of a folder, or bytes. A folder has model.safetensors, or model.safetensors.index.json and its shards.
 * Throws `BAD_OPTION`, `NOT_FOUND`, `ACCESS_DENIED`, `NETWORK`, `TRUNCATED`, `BAD_SAFETENSORS`, `BAD_INDEX`,
 * `BAD_CONFIG`, `ABORTED`.
 */
export async function openCheckpoint(source: ModelSource, options: LocateOptions = {}): Promise<Checkpoint> {
  const { signal } = options
  const meter = { bytes: 0, cached: 0 }
  const { cache = false } = options
  // Of its own file, as local checkpoints never need it.
  const remote = async () => (await import('./cache.js')).openCache(cache, meter, options)
  const place = await locate(source, cache === false ? options : { ...options, remote })
  const config = await readConfig(place, meter, signal)
  if (place.weights) return openFile(place.name, config, place.weights, meter, signal)
  const { folder } = place
  const whole = place.index ? null : await folder.find(WEIGHTS, signal)
  if (whole) return openFile(place.name, config, whole, meter, signal)
  const index = place.index ?? (await folder.find(INDEX, signal))
  if (index) return openSharded(place.name, config, index, folder, meter, signal)
  const only = folder.weightFiles?.length === 1 ? await folder.find(String(folder.weightFiles[0]), signal) : null
  if (only) return openFile(place.name, config, only, meter, signal)
  const wayOut = 'Name a file, or a folder that holds a checkpoint in safetensors form'
  throw new SovitError('NOT_FOUND', `Neither ${WEIGHTS} nor ${INDEX} is in ${place.name}. ${wayOut}.`)
}

async function openFile(
  name: string,
  config: JsonObject | null,
  source: ByteSource,
  meter: Meter,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  const file = source.name.split(/[/\\]/).at(-1) ?? source.name
  const shard = new Shard(file, () => Promise.resolve(metered(source, meter)))
  try {
    const { tensors, metadata } = await shard.header(signal)
    return new OpenCheckpoint(name, config, metadata, new Map([...tensors.keys()].map((key) => [key, shard])), meter)
  } catch (error) {
    await shard.close()
    throw error
  }
}

async function openSharded(
  name: string,
  config: JsonObject | null,
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
  return new OpenCheckpoint(name, config, new Map(), shardOf, meter)
}

class OpenCheckpoint implements Checkpoint {
  readonly names: readonly string[]

  constructor(
    readonly source: string,
    readonly config: JsonObject | null,
    readonly metadata: ReadonlyMap<string, string>,
    private readonly shardOf: ReadonlyMap<string, Shard>,
    private readonly meter: Meter,
  ) {
    this.names = [...shardOf.keys()]
  }

  get fetchedBytes(): number {
    return this.meter.bytes - this.meter.cached
  }

  get cachedBytes(): number {
    return this.meter.cached
  }

  async describe(names: Iterable<string>, signal?: AbortSignal): Promise<ReadonlyMap<string, TensorInfo>> {
    const found = new Map<string, TensorInfo>()
    for (const name of names) {
      const shard = this.shardOf.get(name)
      if (!shard) throw this.missing(name)
      const tensor = (await shard.header(signal)).tensors.get(name)
      if (!tensor)
        throw badIndex(`${INDEX} of ${this.source}`, `it says that ${shard.file} holds ${name}, but the file does not`)
      found.set(name, tensor)
    }
    return found
  }

  async stream(
    tensors: Iterable<TensorInfo>,
    consume: (chunk: TensorChunk) => Promise<void> | void,
    options: StreamOptions = {},
  ): Promise<void> {
    const wanted = [...tensors]
    await streamTensors(wanted, await this.sourcesOf(wanted), consume, options)
  }

  async keptBytes(tensors: Iterable<TensorInfo>): Promise<number> {
    const wanted = [...tensors]
    const sources = await this.sourcesOf(wanted)
    let kept = 0
    for (const { file, begin, end, parts } of planReads(wanted)) {
      if (await sources.get(file)?.kept?.(begin, end))
        kept += parts.reduce((sum, part) => sum + part.end - part.begin, 0)
    }
    return kept
  }

  async discard(tensor: TensorInfo): Promise<void> {
    for (const source of (await this.sourcesOf([tensor])).values()) await source.discard?.(tensor.begin, tensor.end)
  }

  async close(): Promise<void> {
    await Promise.all([...new Set(this.shardOf.values())].map((shard) => shard.close()))
  }

  private async sourcesOf(tensors: readonly TensorInfo[]): Promise<ReadonlyMap<string, ByteSource>> {
    const sources = new Map<string, ByteSource>()
    for (const { name, file } of tensors) {
      const shard = this.shardOf.get(name)
      if (shard?.file !== file) throw this.missing(name)
      sources.set(file, await shard.source())
    }
    return sources
  }

  private missing(name: string): SovitError {
    const near = nearest(name, this.names).map((other) => JSON.stringify(other))
    const among = `${this.source} has no tensor ${JSON.stringify(name)} among its ${this.names.length}`
    const message = near.length > 0 ? `${among}; the nearest are ${near.join(', ')}` : among
    return new SovitError('TENSOR_MISSING', `${message}. Check that it is the right checkpoint, and complete.`)
  }
}

/** One file of weights, opened and its header read when first needed. */
class Shard {
  #source: ByteSource | undefined
  #header: Header | undefined

  constructor(
    readonly file: string,
    private readonly find: () => Promise<ByteSource>,
  ) {}

  async source(): Promise<ByteSource> {
    return (this.#source ??= await this.find())
  }

  async header(signal?: AbortSignal): Promise<Header> {
    return (this.#header ??= await readHeader(await this.source(), this.file, signal))
  }

  async close(): Promise<void> {
    await this.#source?.close?.()
  }
}

/** config.json beside the weights, or null. Beside a single file its absence, or a refusal to tell, is fine. */
async function readConfig(place: Place, meter: Meter, signal?: AbortSignal): Promise<JsonObject | null> {
  const source = await place.folder?.find(CONFIG, signal).catch((error: unknown) => {
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

/** The three names that share most with `name` at both ends. */
function nearest(name: string, names: readonly string[]): string[] {
  const likeness = (other: string): number => {
    const most = Math.min(name.length, other.length)
    let head = 0
    while (head < most && name[head] === other[head]) head++
    let tail = 0
    while (tail < most - head && name.at(-1 - tail) === other.at(-1 - tail)) tail++
    return head + tail
  }
  return names
    .map((other) => ({ other, score: likeness(other) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, 3)
    .map(({ other }) => other)
}
