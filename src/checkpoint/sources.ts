import type { ModelSource } from './types.js'
import { SovitError } from '../errors.js'
import { blobSource, isFileList, memorySource } from './memory.js'
import type { ByteSource, OpenOptions } from './types.js'

/** Some bundlers put a `process` without `versions` into pages, so nothing is taken for granted. */
const inNode = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node !== undefined

/** Files that lie side by side. */
export interface Folder {
  /** What people call it. */
  readonly name: string
  /** The file of this name, or null when there is none. */
  find(file: string, signal?: AbortSignal): Promise<ByteSource | null>
  /** Names of the .safetensors files, where a folder can be listed. */
  readonly weightFiles?: readonly string[]
}

/** Where a checkpoint lies: in a file (and perhaps config.json beside it), or somewhere in a folder, by an index or not. */
export type Place =
  | { readonly name: string; readonly weights: ByteSource; readonly folder: Folder | null }
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
  if (typeof source === 'string') return locateText(source, options)
  if (source instanceof URL) return locateUrl(source, options)
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

function locateText(source: string, options: LocateOptions): Promise<Place> {
  if (/^(https?|file):\/\//i.test(source)) return locateUrl(toUrl(source), options)
  if (isPath(source)) return inNode ? locatePath(source) : locateUrl(toUrl(source, globalThis.location.href), options)
  return locateUrl(hubFolder(source, options), options, source)
}

function isPath(source: string): boolean {
  return /^(\.{0,2}[/\\]|[A-Za-z]:[/\\])/.test(source) || source === '.' || source === '..'
}

/** The folder address of `owner/repo`, `hf:owner/repo` or either with `@revision`. */
function hubFolder(source: string, { revision, hubUrl = 'https://huggingface.co' }: LocateOptions): URL {
  const match = /^(?:hf:)?([\w.-]+\/[\w.-]+)(?:@(.+))?$/.exec(source)
  if (!match?.[1] || (!source.startsWith('hf:') && source.endsWith('.safetensors'))) {
    const wayOut = 'Write ./path or /path for a file or folder, an http(s) address, or owner/repo for the hub'
    throw new SovitError('BAD_OPTION', `"${source}" is no checkpoint. ${wayOut}.`)
  }
  if (match[2] && revision && match[2] !== revision) {
    throw new SovitError('BAD_OPTION', `"${source}" asks for another revision than "${revision}". Give one of them.`)
  }
  const path = `${match[1]}/resolve/${encodeURIComponent(match[2] ?? revision ?? 'main')}/`
  return toUrl(`${hubUrl.replace(/\/+$/, '')}/${path}`)
}

async function locateUrl(url: URL, options: LocateOptions, name = url.origin + url.pathname): Promise<Place> {
  if (url.protocol === 'file:' && inNode) return locatePath(pathOf(url))
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    const wayOut = 'Give an http(s) address, or read it yourself and pass a Blob or an ArrayBuffer'
    throw new SovitError('BAD_OPTION', `${url.protocol} addresses cannot be read. ${wayOut}.`)
  }
  // Files of their own: who opens files or bytes needs no network, and a page has no environment.
  const { httpSource } = await import('./http.js')
  const fetcher = options.fetch ?? (inNode ? (await import('./hub.js')).hubFetch(process.env) : undefined)
  const wrap = await options.remote?.()
  const open = (at: URL): ByteSource => {
    const source = httpSource(at, fetcher, options.patience)
    return wrap ? wrap(source, at) : source
  }
  const folder = urlFolder(new URL('.', url), open)
  if (url.pathname.endsWith('/')) return { name, weights: null, folder }
  return besideOthers(name, open(url), folder)
}

async function locatePath(path: string): Promise<Place> {
  const { kindOfPath, nodeFileSource } = await nodeFiles()
  const kind = await kindOfPath(path)
  if (kind === null) throw new SovitError('NOT_FOUND', `There is no file or folder ${path}. Check the path.`)
  if (kind === 'folder') return { name: path, weights: null, folder: pathFolder(path) }
  const folder = /^(.*)[/\\]/.exec(path)?.[1] ?? '.'
  return besideOthers(path, nodeFileSource(path), pathFolder(folder))
}

/** A file that was named: weights, or the index of a folder's shards. */
function besideOthers(name: string, file: ByteSource, folder: Folder): Place {
  return name.endsWith('.index.json') ? { name, weights: null, folder, index: file } : { name, weights: file, folder }
}

/** A file of its own, as pages never need it. */
const nodeFiles = () => import('./node-file.js')

function oneFile(weights: ByteSource): Place {
  return { name: weights.name, weights, folder: null }
}

function pathFolder(path: string): Folder {
  return {
    name: path,
    async find(file) {
      const { kindOfPath, nodeFileSource } = await nodeFiles()
      const inside = `${path}/${file}`
      return (await kindOfPath(inside)) === 'file' ? nodeFileSource(inside) : null
    },
  }
}

function urlFolder(url: URL, open: (at: URL) => ByteSource): Folder {
  return {
    name: url.href,
    async find(file, signal) {
      const source = open(new URL(file, url))
      try {
        await source.size(signal)
        return source
      } catch (error) {
        if (error instanceof SovitError && error.code === 'NOT_FOUND') return null
        throw error
      }
    },
  }
}

function toUrl(text: string, base?: string): URL {
  try {
    return new URL(text, base)
  } catch (cause) {
    throw new SovitError('BAD_OPTION', `"${text}" is no address. Write https://host/path.`, { cause })
  }
}

/** The path of a file: URL. (`fileURLToPath` is Node's, and this module is bundled for browsers.) */
function pathOf(url: URL): string {
  return decodeURIComponent(url.pathname).replace(/^\/([A-Za-z]:)/, '$1')
}
