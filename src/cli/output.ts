import { access, constants, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { SovitError, throwIfAborted } from '../errors.js'

/** Fails with `BAD_OPTION` when a file to write is one of those that are read, or written twice: one would be lost. */
export async function checkDistinct(out: readonly (string | undefined)[], read: readonly string[]): Promise<void> {
  const taken = new Map<string, string>()
  for (const path of read) taken.set(await whereIs(path), 'an input, which would be lost')
  for (const path of out) {
    if (path === undefined) continue
    const place = await whereIs(path)
    const what = taken.get(place)
    if (what) throw new SovitError('BAD_OPTION', `Cannot write ${path}: it is ${what}. Name another file.`)
    taken.set(place, 'written already')
  }
}

/** The place of a file, links followed, whether it exists or not. */
async function whereIs(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path))
}

/** Fails with `WRITE` before any work is done, when it is already clear that `path` cannot be written. */
export async function checkWritable(path: string): Promise<void> {
  const folder = dirname(resolve(path))
  const at = await stat(folder).catch(() => null)
  if (!at) throw new SovitError('WRITE', `Cannot write ${path}: the folder ${folder} does not exist. Create it first.`)
  if (!at.isDirectory()) throw new SovitError('WRITE', `Cannot write ${path}: ${folder} is not a folder.`)
  const target = await stat(path).catch(() => null)
  if (target?.isDirectory()) throw new SovitError('WRITE', `Cannot write ${path}: it is a folder. Name a file in it.`)
  if (target) {
    await access(path, constants.W_OK).catch((cause: unknown) => {
      throw new SovitError('WRITE', `Cannot write ${path}: it is there, and may not be changed.`, { cause })
    })
    if (!target.isFile()) return
  }
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw new SovitError('WRITE', `Cannot write ${path}: no permission to write into ${folder}.`, { cause })
  })
}

/** Writes `parts` one after another to `path`: all or nothing. */
export function writeWhole(path: string, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
  return allOrNothing(path, async (file) => {
    for (const part of parts) {
      throwIfAborted(signal, `Writing ${path}`)
      await file.writeFile(part)
    }
  })
}

/** Puts bytes at a place of a file that is being written. */
export type Put = (bytes: Uint8Array, position: number) => Promise<void>

/** Writes to `path` whatever `write` puts, in any order: all or nothing. */
export function writeInPlaces(path: string, write: (put: Put) => Promise<void>): Promise<void> {
  return allOrNothing(path, (file) =>
    write(async (bytes, position) => {
      for (let done = 0; done < bytes.length;) {
        done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
      }
    }),
  )
}

/**
 * `write` gets a temporary file in the same folder, which is renamed at the end, so that a failure or an abort leaves an
 * older file as it was and no half of a new one. A link is followed; a device or a pipe (/dev/null) is written to, not
 * replaced.
 */
async function allOrNothing(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const target = await whereIs(path)
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`)
  try {
    const existing = await stat(target).catch(() => null)
    const replaced = existing?.isFile() ?? true
    const file = await open(replaced ? temporary : target, 'w')
    try {
      await write(file)
    } finally {
      await file.close()
    }
    if (replaced) await rename(temporary, target)
  } catch (cause) {
    await rm(temporary, { force: true })
    if (cause instanceof SovitError) throw cause
    throw new SovitError('WRITE', `Cannot write ${path}: ${reason(cause)}.`, { cause })
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Writes text to standard output and waits until the system has it: `process.exit` would cut off a pipe. */
export function print(text: string): Promise<void> {
  return new Promise((done, fail) => {
    process.stdout.write(text, (error: NodeJS.ErrnoException | null | undefined) => {
      // EPIPE: the reader of a pipe has seen enough (`| head -1`).
      if (!error || error.code === 'EPIPE') done()
      else fail(new SovitError('WRITE', `Cannot write to standard output: ${error.message}. Is the disk full?`))
    })
  })
}
