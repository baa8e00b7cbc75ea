import { SovitError, throwIfAborted } from '../errors.js'
import { openBitmap, readBitmap } from './decode-browser.js'
import { isPng } from './png-signature.js'
import { checkRaw, rgbOf } from './raw.js'
import type { DecodedPicture, ImageInput, RgbImage } from './types.js'

export interface DecodeOptions {
  readonly signal?: AbortSignal
  /** Replacement for the global `fetch`. */
  readonly fetch?: typeof fetch
}

/** Node (and whatever has no decoder of a browser) takes files by path and decodes through `sharp`. */
const inBrowser = typeof createImageBitmap === 'function'

/**
 * Any picture as 8-bit RGB. Alpha is dropped (neither composited nor premultiplied), colour profiles and gamma are
 * ignored, EXIF orientation is applied, 16-bit samples keep their high byte.
 *
 * PNGs are decoded here, the same everywhere and bit-equal to Pillow; other formats by the browser, or by the optional
 * package `sharp` in Node. An ArrayBuffer or Uint8Array is an encoded file. A string is an address; in Node, unless it begins with a
 * scheme, the path of a file.
 *
 * @throws SovitError `BAD_IMAGE`, `IMAGE_SIZE`, `NOT_FOUND`, `ACCESS_DENIED`, `NETWORK`, `MISSING_PACKAGE` (Node without
 *   sharp), `ABORTED`
 */
export async function toRgb(input: ImageInput, options: DecodeOptions = {}): Promise<RgbImage> {
  return withDecoded(input, options, readRgb)
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

/** The bytes of a decoded picture. */
export function readRgb(picture: DecodedPicture): RgbImage {
  return rgbOf('data' in picture ? picture : readBitmap(picture))
}

async function decode(input: ImageInput, options: DecodeOptions): Promise<DecodedPicture> {
  if (typeof input === 'string' || input instanceof URL) {
    return decodeFile(await readAddress(input, options), `The picture ${shorten(String(input))}`)
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

/** A file of its own, as pages never need it. */
const forNode = () => import('./decode-node.js')

async function decodeFile(file: Blob, what: string): Promise<DecodedPicture> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  if (isPng(bytes)) return (await import('./png.js')).decodePng(bytes, what)
  return inBrowser ? openBitmap(file, what) : (await forNode()).decodeWithSharp(bytes, what)
}

async function readAddress(address: string | URL, options: DecodeOptions): Promise<Blob> {
  const text = String(address)
  const isFile = text.startsWith('file:') || !/^[a-z][a-z\d+.-]+:/i.test(text)
  if (!inBrowser && isFile) return (await forNode()).readPath(address)
  const what = `The picture ${shorten(text)}`
  const get = options.fetch ?? fetch
  let response: Response
  try {
    response = await get(address, { signal: options.signal })
    if (response.ok) return await response.blob()
  } catch (cause) {
    throwIfAborted(options.signal, 'Fetching a picture')
    const way = 'Check the address, the connection and, across origins, that the server allows it (CORS).'
    throw new SovitError('NETWORK', `${what} could not be fetched. ${way}`, { cause })
  }
  const code = STATUS_CODES[response.status] ?? 'NETWORK'
  throw new SovitError(code, `${what} could not be fetched: the server answered ${response.status}. Check the address.`)
}

const STATUS_CODES: Readonly<Record<number, 'ACCESS_DENIED' | 'NOT_FOUND'>> = {
  401: 'ACCESS_DENIED',
  403: 'ACCESS_DENIED',
  404: 'NOT_FOUND',
  410: 'NOT_FOUND',
}

/** data: addresses hold the whole picture. */
function shorten(address: string): string {
  return address.length > 120 ? `${address.slice(0, 117)}...` : address
}
