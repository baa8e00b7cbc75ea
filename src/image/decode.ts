import { SovitError, throwIfAborted } from '../errors.js'
import { inBrowser, openBitmap } from './decode-browser.js'
import { isPng } from './png-signature.js'
import { checkRaw } from './raw.js'
import type { DecodedPicture, ImageInput } from './types.js'

export interface DecodeOptions {
  readonly signal?: AbortSignal
  /** Replacement for the global `fetch`. */
  readonly fetch?: typeof fetch
}

/**
 * Decodes a picture for one use, after which it is gone.
 *
 * @throws as `toRgb`, and whatever `use` throws
 */
export async function withDecoded<T>(
  input: ImageInput,
  options: DecodeOptions,
  use: (picture: DecodedPicture) => T | Promise<T>,
): Promise<T> {
  throwIfAborted(options.signal, 'Decoding a picture')
  const picture = await decode(input, options)
  try {
    throwIfAborted(options.signal, 'Decoding a picture')
    return await use(picture)
  } finally {
    if ('close' in picture) picture.close()
  }
}

async function decode(input: ImageInput, options: DecodeOptions): Promise<DecodedPicture> {
  if (typeof input === 'string' || input instanceof URL) {
    // A file of its own, as many pages have files.
    const { file, what } = await (await import('./address.js')).readAddress(input, options)
    return decodeFile(file, what)
  }
  if (input instanceof Blob)
    return decodeFile(input, `The picture ${'name' in input ? String(input.name) : '(a Blob)'}`)
  if (input instanceof ArrayBuffer || ArrayBuffer.isView(input)) {
    return decodeFile(new Blob([input as BlobPart]), 'The picture (bytes)')
  }
  if (isObject(input) && 'data' in input) return checkRaw(input)
  if (isObject(input) && inBrowser) return openBitmap(input, 'The picture')
  throw new SovitError('BAD_IMAGE', `This ${typeof input} is no picture here. Pass an address, a Blob, or pixels.`)
}

/** JavaScript may pass anything. */
function isObject<T>(value: T): value is T & object {
  return typeof value === 'object' && value !== null
}

async function decodeFile(file: Blob, what: string): Promise<DecodedPicture> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  if (isPng(bytes)) return (await import('./png.js')).decodePng(bytes, what)
  // A file of its own, as pages never need it.
  return inBrowser ? openBitmap(file, what) : (await import('./decode-node.js')).decodeWithSharp(bytes, what)
}
