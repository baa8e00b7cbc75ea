/** Checkpoints by address: of http(s), of the hub, or of a file or folder in Node. */
import { SovitError } from '../errors.js'
import { byFetch, httpSource } from './http.js'
import { inNode } from './in-node.js'
import type { Folder, LocateOptions, Place } from './sources.js'
import type { ByteSource } from './types.js'

/** Finds out what an address means; opens nothing but asks the disk whether a path is a folder. */
export function locateAddress(source: string | URL, options: LocateOptions): Promise<Place> {
  return typeof source === 'string' ? locateText(source, options) : locateUrl(source, options)
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
  // A file of its own, as pages never need it.
  const send = inNode && !options.fetch ? (await import('./http-node.js')).nodeClient() : byFetch(options.fetch)
  const wrap = await options.remote?.()
  const open = (at: URL): ByteSource => {
    const source = httpSource(at, send, options.patience)
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

/** Of its own as well, for the same reason. */
const nodeFiles = () => import('./node-file.js')

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
