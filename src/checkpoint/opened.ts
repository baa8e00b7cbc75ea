import type { SovitError } from '../errors.js'
import { readHeader, type Header } from './header.js'
import type { JsonObject } from './json.js'
import { metered, type Meter } from './meter.js'
import { RECORDED_CONFIG } from './recorded-config.js'
import { planReads, streamTensors } from './stream.js'
import type { ByteSource, Checkpoint, StreamOptions, TensorChunk, TensorInfo } from './types.js'

/**
 * Opens a checkpoint of one file. `beside` reads config.json, unless the file itself records what that would say. Throws
 * `BAD_SAFETENSORS`, and whatever `source` and `beside` throw; then it is closed.
 */
export async function openFile(
  name: string,
  beside: () => Promise<JsonObject | null>,
  source: ByteSource,
  meter: Meter,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  const file = source.name.split(/[/\\]/).at(-1) ?? source.name
  const shard = new Shard(file, () => Promise.resolve(metered(source, meter)))
  try {
    const { tensors, metadata } = await shard.header(signal)
    const config = metadata.has(RECORDED_CONFIG) ? null : await beside()
    const shardOf = new Map([...tensors.keys()].map((key) => [key, shard]))
    return new OpenCheckpoint(name, config, metadata, [shard], shardOf, meter)
  } catch (error) {
    await shard.close()
    throw error
  }
}

/** A checkpoint whose files are known: where each tensor lies, and what was read so far. */
export class OpenCheckpoint implements Checkpoint {
  readonly names: readonly string[]

  constructor(
    readonly source: string,
    readonly config: JsonObject | null,
    readonly metadata: ReadonlyMap<string, string>,
    /** All, though no tensor may lie in one. */
    private readonly shards: readonly Shard[],
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
      if (!shard) throw await this.#missing(name)
      const tensor = (await shard.header(signal)).tensors.get(name)
      if (!tensor) throw (await import('./folder.js')).notInShard(this.source, shard.file, name)
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
    await Promise.all(this.shards.map((shard) => shard.close()))
  }

  private async sourcesOf(tensors: readonly TensorInfo[]): Promise<ReadonlyMap<string, ByteSource>> {
    const sources = new Map<string, ByteSource>()
    for (const { name, file } of tensors) {
      const shard = this.shardOf.get(name)
      if (shard?.file !== file) throw await this.#missing(name)
      sources.set(file, await shard.source())
    }
    return sources
  }

  /** Of a file of its own: words that hardly any load needs. */
  async #missing(name: string): Promise<SovitError> {
    return (await import('../model/refusals.js')).noTensor(name, this.names, this.source)
  }
}

/** One file of weights, opened and its header read when first needed. */
export class Shard {
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
