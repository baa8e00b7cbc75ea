/** Names of kept files and chunks: `FILE/record` and `FILE/CONTENT.BEGIN-END`. */
import { sha256 } from './hash.js'

/** A commit of a hub: its files never change, so nobody needs to ask. */
export function isPinned({ pathname }: URL): boolean {
  return /\/resolve\/[0-9a-f]{40}\//.test(pathname)
}

/** The part of keys that names a file: readable, short, and, by its hash, of this address (query included) alone. */
export async function groupOf(url: URL): Promise<string> {
  return `${readable(url)}~${(await textHash(url.href)).slice(0, 16)}`
}

/** The part of a group's name that can be read. A query may hold secrets, so it is only hashed. */
export function readable(url: URL): string {
  return encodeURIComponent(url.origin + url.pathname)
    .replaceAll('*', '_')
    .slice(0, 160)
}

export function textHash(text: string): Promise<string> {
  return sha256(new TextEncoder().encode(text))
}

/** The bytes that a key is of: none, of a record. */
export function chunkOf(key: string): { begin: number; end: number } {
  const [, begin = 0, end = 0] = /\.(\d+)-(\d+)$/.exec(key) ?? []
  return { begin: Number(begin), end: Number(end) }
}
