import { SovitError, throwIfAborted } from '../errors.js'
import { truncated } from './memory.js'
import type { ByteSource } from './types.js'

type FileSystem = typeof import('node:fs/promises')
type FileHandle = import('node:fs/promises').FileHandle

/** Node's files. The name is a parameter, because bundlers for browsers resolve a literal one and fail. */
function fileSystem(module = 'node:fs/promises'): Promise<FileSystem> {
  return import(/* @vite-ignore */ module) as Promise<FileSystem>
}

/** `file`, `folder`, or null when nothing is there. */
export async function kindOfPath(path: string): Promise<'file' | 'folder' | null> {
  try {
    const { stat } = await fileSystem()
    return (await stat(path)).isDirectory() ? 'folder' : 'file'
  } catch (cause) {
    if (isErrno(cause) && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return null
    throw unreadable(path, cause)
  }
}

/** A file of the disk, through one handle that is opened by the first read. */
export function nodeFileSource(path: string): ByteSource {
  let opened: Promise<FileHandle> | undefined
  const handle = (): Promise<FileHandle> => {
    opened ??= fileSystem()
      .then(({ open }) => open(path))
      .catch((cause: unknown) => Promise.reject(unreadable(path, cause)))
    return opened
  }
  return {
    name: path,
    async size(signal) {
      throwIfAborted(signal, `Reading ${path}`)
      return (await (await handle()).stat()).size
    },
    async read(begin, end, signal, into = new Uint8Array(end - begin)) {
      const bytes = into.subarray(0, end - begin)
      let done = 0
      while (done < bytes.length) {
        throwIfAborted(signal, `Reading ${path}`)
        const got = await readSome(await handle(), bytes.subarray(done), begin + done, path)
        if (got === 0) throw truncated(path, end, begin + done)
        done += got
      }
      return bytes
    },
    async close() {
      const closing = opened
      opened = undefined
      await closing?.then(
        (file) => file.close(),
        () => undefined, // never opened, so nothing to close
      )
    },
  }
}

async function readSome(file: FileHandle, into: Uint8Array, position: number, path: string): Promise<number> {
  try {
    return (await file.read(into, 0, into.length, position)).bytesRead
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error
}

function unreadable(path: string, cause: unknown): SovitError {
  const code = isErrno(cause) ? cause.code : undefined
  if (code === 'ENOENT') return new SovitError('NOT_FOUND', `There is no file ${path}. Check the path.`, { cause })
  if (code === 'EACCES' || code === 'EPERM') {
    return new SovitError('ACCESS_DENIED', `${path} may not be read. Check its permissions.`, { cause })
  }
  const message = cause instanceof Error ? cause.message : String(cause)
  return new SovitError('NOT_FOUND', `${path} cannot be read: ${message}. Check that it is a readable file.`, { cause })
}
