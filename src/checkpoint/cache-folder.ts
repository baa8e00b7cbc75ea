import type { ChunkStore } from './cache-stores.js'
import { HASH_BYTES } from './hash.js'

/** No process takes that long to write a chunk: what is older was left by one that was killed. */
const STALE_MS = 3_600_000

/** Node's modules. Their names are parameters, because bundlers for browsers resolve literal ones and fail. */
async function nodeModules(names = ['node:fs/promises', 'node:os', 'node:path'] as const) {
  const [fs, os, path] = await Promise.all(names.map((name) => import(/* @vite-ignore */ name) as Promise<unknown>))
  return {
    ...(fs as typeof import('node:fs/promises')),
    ...(os as Pick<typeof import('node:os'), 'homedir'>),
    ...(path as Pick<typeof import('node:path'), 'join' | 'dirname'>),
  }
}

/**
 * Chunks as files of a folder, which several processes may use: each file is written under a name of its own, then renamed
 * into place, whole.
 */
export async function folderStore(given?: string): Promise<ChunkStore> {
  const { homedir, join, dirname, ...fs } = await nodeModules()
  const caches = process.env.XDG_CACHE_HOME
  const base = caches === undefined || caches === '' ? join(homedir(), '.cache') : caches
  // Another format of files gets another name.
  const root = join(given ?? join(base, 'sovit', 'weights'), 'v2')
  const swept = new Set<string>()

  /** Makes the folder of a file, and removes what killed processes left in it. */
  async function prepare(folder: string): Promise<void> {
    if (swept.has(folder)) return
    await fs.mkdir(folder, { recursive: true })
    for (const name of await fs.readdir(folder)) {
      if (!name.endsWith('.tmp')) continue
      const left = join(folder, name)
      const { mtimeMs } = await fs.stat(left).catch(() => ({ mtimeMs: Infinity }))
      if (Date.now() - mtimeMs > STALE_MS) await fs.rm(left, { force: true })
    }
    swept.add(folder)
  }

  /** In one system call, where `writeFile` makes many small ones. */
  async function write(path: string, parts: readonly Uint8Array[]): Promise<void> {
    const file = await fs.open(path, 'wx')
    try {
      const { bytesWritten } = await file.writev(parts)
      const length = parts.reduce((sum, part) => sum + part.length, 0)
      if (bytesWritten < length) throw new Error(`only ${bytesWritten} of ${length} bytes could be written`)
    } finally {
      await file.close()
    }
  }

  return {
    async get(key, into) {
      const file = await fs.open(join(root, key)).catch(unlessMissing)
      if (!file) return null
      try {
        const length = (await file.stat()).size - HASH_BYTES
        if (length < 0 || (into && length !== into.length)) return null
        const hash = Buffer.alloc(HASH_BYTES)
        const bytes = into ?? new Uint8Array(length)
        const { bytesRead } = await file.readv([hash, bytes], 0)
        return bytesRead === HASH_BYTES + length ? { bytes, hash: hash.toString('latin1') } : null
      } finally {
        await file.close()
      }
    },
    has: async (key) => (await fs.stat(join(root, key)).catch(unlessMissing)) !== null,
    async put(key, bytes, hash) {
      const path = join(root, key)
      await prepare(dirname(path))
      const whole = `${path}.${process.pid}.${crypto.randomUUID().slice(0, 8)}.tmp`
      try {
        await write(whole, [Buffer.from(hash, 'latin1'), bytes])
        await fs.rename(whole, path)
        return { bytes }
      } catch (error) {
        await fs.rm(whole, { force: true }).catch(() => undefined)
        throw error
      }
    },
    async delete(key) {
      const path = join(root, key)
      await fs.rm(path, { force: true })
      // The last of its file: the folder goes too. Any other is not empty, which rmdir refuses.
      const emptied = await fs.rmdir(dirname(path)).then(
        () => true,
        () => false,
      )
      if (emptied) swept.delete(dirname(path))
    },
    async keys() {
      const groups = (await fs.readdir(root).catch(unlessMissing)) ?? []
      // A user may name a folder that holds other things, which are never listed and so never deleted.
      const own = groups.filter((group) => /^https?%3A.*~[0-9a-f]{16}$/.test(group))
      const names = own.map(async (group) =>
        ((await fs.readdir(join(root, group)).catch(unlessMissing)) ?? []).map((name) => `${group}/${name}`),
      )
      return (await Promise.all(names)).flat().filter((key) => !key.endsWith('.tmp'))
    },
  }
}

/** Null for a file that is not there; any other failure is one. */
function unlessMissing(error: unknown): null {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code === 'ENOENT' || code === 'ENOTDIR') return null
  throw error
}
