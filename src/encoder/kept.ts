import { locate, type RemoteWrapper } from '../checkpoint/sources.js'
import type { ModelSource } from '../checkpoint/public.js'
import { SovitError } from '../errors.js'
import { keptWeights } from './load.js'
import type { LoadOptions } from './types.js'

export { persist } from './persist.js'

/** What tells what is kept of a source: the options that it was loaded with. */
export type KeptOptions = Pick<LoadOptions, 'cache' | 'revision' | 'hubUrl'>

/** What is measured: default everything. */
export interface SizeOptions extends KeptOptions {
  /** One checkpoint, as it was loaded. */
  readonly source?: ModelSource
}

/** What loads have kept. `cache` is the option that they were given; default `true`. */
export interface KeptWeights {
  /**
   * Whether a load with these options would take all weights from the cache: it works offline then. Asks no server, so a
   * changed file shows only when it is loaded.
   */
  isCached(source: ModelSource, options?: LoadOptions): Promise<boolean>
  /** Bytes kept: of all checkpoints, or of `source` alone. */
  size(options?: SizeOptions): Promise<number>
  /** Deletes what is kept of a checkpoint, or everything. */
  clear(source?: ModelSource, options?: KeptOptions): Promise<void>
  /** Asks the browser not to evict what this origin keeps; it may ask the user. False where it refuses or cannot. */
  persist(): Promise<boolean>
}

export async function isCached(source: ModelSource, options: LoadOptions = {}): Promise<boolean> {
  try {
    const { kept, total } = await keptWeights(source, options)
    return kept === total
  } catch (error) {
    // A file of it was never kept.
    if (error instanceof SovitError && (error.code === 'NETWORK' || error.code === 'NOT_FOUND')) return false
    throw error
  }
}

export async function size({ cache = true, source, ...where }: SizeOptions = {}): Promise<number> {
  return (await stores()).storedBytes(cache, source === undefined ? undefined : await addressesOf(source, where))
}

export async function clear(source?: ModelSource, { cache = true, ...where }: KeptOptions = {}): Promise<void> {
  const addresses = source === undefined ? undefined : await addressesOf(source, where)
  try {
    await (await stores()).clearStore(cache, addresses)
  } catch (cause) {
    if (cause instanceof SovitError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SovitError('WRITE', `What is kept of weights cannot be deleted: ${why}.`, { cause })
  }
}

/** The same file that loads import. */
const stores = () => import('../checkpoint/cache.js')

/** Where a checkpoint's files lie: a folder, or a file and config.json beside it; nothing for what is local. */
async function addressesOf(source: ModelSource, where: KeptOptions): Promise<readonly URL[]> {
  const files: URL[] = []
  const note: RemoteWrapper = (file, url) => (files.push(url), file)
  const { weights, folder } = await locate(source, { ...where, remote: () => Promise.resolve(note) })
  if (!folder || !/^https?:/.test(folder.name)) return []
  const at = new URL(folder.name)
  return weights ? [...files, new URL('config.json', at)] : [at]
}
