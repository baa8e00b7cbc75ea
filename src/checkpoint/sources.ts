import { SovitError } from '../errors.js'
import { blobSource, isFileList, memorySource } from './memory.js'
import type { ByteSource, ModelSource, OpenOptions } from './types.js'

/** Files that lie side by side. */
export interface Folder {
  /** What people call it. */
  readonly name: string
  /** The file of this name, or null when there is none. */
  find(file: string, signal?: AbortSignal): Promise<ByteSource | null>
  /** Names of the .safetensors files, where a folder can be listed. */
  readonly weightFiles?: readonly string[]
}

/** Where a checkpoint lies: in a file with nothing beside it, or in a folder. */
export type Place = { readonly name: string; readonly weights: ByteSource; readonly folder: null } | PlaceInFolder

/** In a file that is named, and perhaps config.json beside it; or somewhere in a folder, by an index or not. */
export type PlaceInFolder =
  | { readonly name: string; readonly weights: ByteSource; readonly folder: Folder }
  | { readonly name: string; readonly weights: null; readonly folder: Folder; readonly index?: ByteSource }

export interface LocateOptions extends OpenOptions {
  /** Revision of a hub repository. Default `main`. */
  readonly revision?: string
  /** Default `https://huggingface.co`. */
  readonly hubUrl?: string
  /** Asked before anything is read by http(s): what wraps every such file. */
  readonly remote?: () => Promise<RemoteWrapper>
}

export type RemoteWrapper = (source: ByteSource, url: URL) => ByteSource

/** Finds out what `source` means; opens nothing but asks the disk whether a path is a folder. */
export async function locate(source: ModelSource, options: LocateOptions): Promise<Place> {
  if (typeof source === 'string' || source instanceof URL) {
    // A file of its own, as Files and bytes have no address.
    return (await import('./addresses.js')).locateAddress(source, options)
  }
  if (source instanceof Blob) return oneFile(blobSource(source, 'name' in source ? String(source.name) : 'Blob'))
  if (source instanceof ArrayBuffer) return oneFile(memorySource(new Uint8Array(source), 'ArrayBuffer'))
  if (source instanceof Uint8Array) return oneFile(memorySource(source, 'Uint8Array'))
  if (!Array.isArray(source) && !isFileList(source)) {
    throw new SovitError('BAD_OPTION', `A ${typeof source} is no checkpoint. Pass an address, a File or bytes.`)
  }
  // A copy at once: an input empties its list. The rest is of its own file, as few pages take folders.
  const files = [...source]
  const folder = (await import('./files.js')).filesFolder(files)
  return { name: folder.name, weights: null, folder }
}

function oneFile(weights: ByteSource): Place {
  return { name: weights.name, weights, folder: null }
}
