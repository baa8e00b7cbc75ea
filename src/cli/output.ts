import { access, constants, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { SovitError, throwIfAborted } from '../errors.js'

/** Fails with `WRITE` before any work is done, when it is already clear that `path` cannot be written. */
export async function checkWritable(path: string): Promise<void> {
  const folder = dirname(resolve(path))
  const at = await stat(folder).catch(() => null)
  if (!at) throw new SovitError('WRITE', `Cannot write ${path}: the folder ${folder} does not exist. Create it first.`)
  if (!at.isDirectory()) throw new SovitError('WRITE', `Cannot write ${path}: ${folder} is not a folder.`)
  const target = await stat(path).catch(() => null)
  if (target?.isDirectory()) throw new SovitError('WRITE', `Cannot write ${path}: it is a folder. Name a file in it.`)
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw new SovitError('WRITE', `Cannot write ${path}: no permission to write into ${folder}.`, { cause })
  })
}

/**
 * Writes `parts` one after another to `path`: all or nothing. They go to a temporary name in the same folder, which is
 * renamed at the end, so that a failure or an abort leaves an older file as it was and no half of a new one.
 */
export async function writeWhole(path: string, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
  const temporary = join(dirname(resolve(path)), `.${basename(path)}.${process.pid}.tmp`)
  try {
    const file = await open(temporary, 'w')
    try {
      for (const part of parts) {
        throwIfAborted(signal, `Writing ${path}`)
        await file.writeFile(part)
      }
    } finally {
      await file.close()
    }
    await rename(temporary, resolve(path))
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
  return new Promise((done) => process.stdout.write(text, () => done()))
}
