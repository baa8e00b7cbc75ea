import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TuningStore } from '../encoder/types.js'

/** Choices of kernels in a file of the user's cache folder, by device. Nobody waits for a tiny model to be measured. */
export function tuningFile(): TuningStore {
  const { XDG_CACHE_HOME: given } = process.env
  const path = join(given === undefined || given === '' ? join(homedir(), '.cache') : given, 'sovit', 'tuning.json')
  const read = async (): Promise<Record<string, string>> => JSON.parse(await readFile(path, 'utf8')) as never
  return {
    largeOnly: true,
    get: async (key) => (await read())[key] ?? null,
    async set(key, value) {
      const entries = { ...(await read().catch(() => ({}))), [key]: value }
      await mkdir(dirname(path), { recursive: true })
      // Renamed into place, as another command may read it at this moment.
      const whole = `${path}.${process.pid}`
      await writeFile(whole, `${JSON.stringify(entries, null, 2)}\n`)
      await rename(whole, path)
    },
  }
}
