import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { builtInModel } from '../built-in.js'
import { HUB, hubFetch, type HubSettings } from '../checkpoint/hub.js'
import type { LoadOptions } from '../encoder/types.js'
import { SovitError } from '../errors.js'

export const MODEL_HELP = `MODEL is a .safetensors file, an .index.json beside its shards, a folder (config.json beside model.safetensors or its
index and shards), an http(s) address of either (a folder's ends in /), hf:OWNER/REPO[@REVISION], or OWNER/REPO.
Default: sovit-nano, which comes with the package.`

/** A model as the user named it, and where its files lie. */
export interface ModelRef {
  /** As the user gave it. */
  readonly name: string
  /** A hub repository, or the address (`file:`, `http:`, `https:`) of a file or, ending in `/`, of a folder. */
  readonly source: { readonly repo: string; readonly revision: string } | URL
  readonly fetch: typeof fetch
}

/** An existing path wins; then `hf:` and addresses; then a bare `OWNER/REPO` is the hub. */
export function modelRef(name: string | undefined, env: HubSettings = process.env): ModelRef {
  const hub = hubFetch(env)
  if (name?.endsWith('.npz')) {
    throw new SovitError(
      'BAD_OPTION',
      `${name} is not read as a model. Convert it first: sovit convert ${name} --out FILE.safetensors.`,
    )
  }
  if (name === undefined) return { name: 'sovit-nano, built in', source: builtInModel, fetch: hub }
  if (existsSync(name)) {
    const folder = statSync(name).isDirectory()
    return { name, source: pathToFileURL(resolve(name) + (folder ? '/' : '')), fetch: hub }
  }
  if (/^https?:\/\//.test(name)) return { name, source: address(name), fetch: hub }
  const [, prefix, repo, revision = 'main'] = /^(hf:)?([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/.exec(name) ?? []
  if (repo && !repo.startsWith('.') && (prefix || !repo.endsWith('.safetensors'))) {
    return { name, source: { repo, revision }, fetch: hub }
  }
  const hint = 'Give an existing file or folder, an http(s) address, or hf:OWNER/REPO'
  throw new SovitError('NOT_FOUND', `There is no model ${name}. ${hint}.`)
}

function address(name: string): URL {
  if (URL.canParse(name)) return new URL(name)
  throw new SovitError('NOT_FOUND', `${name} is not a valid address.`)
}

/** Files of this machine that a model may be read from: itself, and what a folder holds of a checkpoint. */
export function localFiles({ source }: ModelRef): string[] {
  if (!(source instanceof URL) || source.protocol !== 'file:') return []
  const path = fileURLToPath(source)
  if (!path.endsWith('/')) return [path]
  return readdirSync(path)
    .filter((name) => /^(config\.json|model.*\.(safetensors|index\.json))$/.test(name))
    .map((name) => path + name)
}

/** What the library opens a model by. It minds the environment itself, and asks faster than by `fetch`. */
export function openable({ source }: ModelRef): { source: string | URL; options: Pick<LoadOptions, 'revision'> } {
  if (source instanceof URL) return { source, options: {} }
  return { source: source.repo, options: { revision: source.revision } }
}

/** Where the files of a model can be fetched one by one: a base ending in `/`, and the file in it, '' for a folder. */
export function filesOf({ source }: ModelRef): { readonly base: URL; readonly file: string; readonly search: string } {
  if (!(source instanceof URL)) {
    return {
      base: new URL(`${HUB}/${source.repo}/resolve/${encodeURIComponent(source.revision)}/`),
      file: '',
      search: '',
    }
  }
  const file = source.pathname.slice(source.pathname.lastIndexOf('/') + 1)
  return {
    base: new URL(`${dirname(`${source.pathname}x`)}/`.replace(/^\/\/$/, '/'), source),
    file,
    search: source.search,
  }
}
