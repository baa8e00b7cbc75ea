import { openFile } from './opened.js'
import { locate, type LocateOptions } from './sources.js'
import type { Checkpoint, ModelSource } from './types.js'

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
  const { signal, cache = false } = options
  const meter = { bytes: 0, cached: 0 }
  // Files of their own: a File, or bytes, need no cache, and nothing that lies beside others. All come at one time, as a page waits
  // for each as long as for an answer.
  const isAddress = typeof source === 'string' || source instanceof URL
  const caching = isAddress && cache !== false ? import('./cache.js') : null
  const inFolder = isAddress ? import('./folder.js') : null
  for (const file of [caching, inFolder]) file?.catch(() => undefined) // heard of where it is needed
  const remote = caching ? async () => (await caching).openCache(cache, meter, options) : undefined
  const place = await locate(source, { ...options, remote })
  if (place.folder) return (await (inFolder ?? import('./folder.js'))).openInFolder(place, meter, signal)
  return openFile(place.name, () => Promise.resolve(null), place.weights, meter, signal)
}
