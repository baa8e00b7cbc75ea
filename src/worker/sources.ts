import { builtInModel } from '../built-in.js'
import { isFileList } from '../checkpoint/memory.js'
import type { CacheOption, ModelSource, TuningStore } from '../encoder/types.js'
import { SovitError } from '../errors.js'
import type { Transferable } from '../platform.js'
import { bytesToSend } from './inputs.js'
import type { SentSource } from './protocol.js'

/**
 * A checkpoint as it is sent. Relative addresses mean the page's, as they do without a worker; Files and Blobs are sent by
 * reference; bytes are copied, or moved if `transfer` says so. `moved` collects what is moved.
 */
export function sendSource(source: ModelSource, transfer: boolean, moved: Set<Transferable>): SentSource {
  if (source === builtInModel) return 'built-in'
  if (source instanceof URL) return { url: source.href }
  if (typeof source === 'string')
    return isPath(source) ? { url: new URL(source, location.href).href } : { given: source }
  // A copy at once, as an input's list is emptied when the input is.
  const files = Array.isArray(source) || isFileList(source) ? [...(source as readonly File[])] : null
  if (files) return { files: files.map((file) => ({ file, path: file.webkitRelativePath })) }
  const given = source as Blob | ArrayBuffer | Uint8Array
  return { given: given instanceof Blob ? given : bytesToSend(given, transfer, moved) }
}

/** As sources tell a path from the hub's `owner/repo`. */
function isPath(source: string): boolean {
  return /^(\.{0,2}[/\\]|\.{1,2}$)/.test(source)
}

/** Options of a load, some of which cannot be sent to a worker, though JavaScript may give them. */
interface Given {
  readonly device?: unknown
  readonly gpu?: unknown
  readonly fetch?: unknown
  readonly cache?: CacheOption
  readonly tuning?: boolean | TuningStore
  readonly output?: unknown
}

/** Throws `BAD_OPTION` for an option that a worker cannot take. */
export function checkSent({ device, gpu, fetch, cache, tuning, output }: Given): void {
  const own = 'A device belongs to the thread that opened it'
  if (device !== undefined) throw refused('device', own)
  if (gpu !== undefined) throw refused('gpu', own)
  if (fetch !== undefined) throw refused('fetch', 'A function cannot be sent to a worker')
  if (typeof cache === 'object') throw refused('cache as an object', 'It cannot be sent to a worker', 'true, false or ')
  if (typeof tuning === 'object')
    throw refused('tuning as an object', 'It cannot be sent to a worker', 'true, false or ')
  if (output === 'gpu') throw refused("output 'gpu'", 'A buffer belongs to the thread that made it', `output 'cpu' or `)
}

function refused(option: string, why: string, instead = ''): SovitError {
  return new SovitError('BAD_OPTION', `${why}: there is no ${option} here. Use ${instead}VisionEncoder of 'sovit'.`)
}
