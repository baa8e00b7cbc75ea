import { SovitError, throwIfAborted } from '../errors.js'
import { decodeWithBrowser, pixelsOf } from './decode-browser.js'
import { decodeWithSharp, readPath } from './decode-node.js'
import { checkSize } from './limits.js'
import { decodePng, isPng } from './png.js'
import type { ImageInput, RawPixels, RgbImage } from './types.js'

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
 * package `sharp` in Node. An ArrayBuffer is an encoded file. A string is an address; in Node, unless it begins with a
 * scheme, the path of a file.
 *
 * @throws SovitError `BAD_IMAGE`, `IMAGE_SIZE`, `NOT_FOUND`, `ACCESS_DENIED`, `NETWORK`, `MISSING_PACKAGE` (Node without
 *   sharp), `ABORTED`
 */
export async function toRgb(input: ImageInput, options: DecodeOptions = {}): Promise<RgbImage> {
  throwIfAborted(options.signal, 'Decoding a picture')
  const image = await decode(input, options)
  throwIfAborted(options.signal, 'Decoding a picture')
  return image
}

async function decode(input: ImageInput, options: DecodeOptions): Promise<RgbImage> {
  if (typeof input === 'string' || input instanceof URL) {
    return decodeFile(await readAddress(input, options), `The picture ${shorten(String(input))}`)
  }
  if (input instanceof Blob) return decodeFile(input, `The picture ${'name' in input ? String(input.name) : '(a Blob)'}`)
  if (input instanceof ArrayBuffer) return decodeFile(new Blob([input]), 'The picture (an ArrayBuffer)')
  if ('data' in input) return fromRaw(input)
  return pixelsOf(input, 'The picture')
}

async function decodeFile(file: Blob, what: string): Promise<RgbImage> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  if (isPng(bytes)) return decodePng(bytes, what)
  return inBrowser ? decodeWithBrowser(file, what) : decodeWithSharp(bytes, what)
}

/** RGB or RGBA bytes, told apart by the length of the data. */
function fromRaw({ width, height, data }: RawPixels | ImageData): RgbImage {
  checkSize(width, height, 'The picture')
  const pixels = width * height
  if (data.length === pixels * 3) {
    return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
  }
  if (data.length !== pixels * 4 || data.BYTES_PER_ELEMENT !== 1) {
    throw new SovitError(
      'BAD_IMAGE',
      `The picture is ${width}×${height} pixels, but its data has ${data.length} values of ${data.BYTES_PER_ELEMENT} ` +
        `bytes. Give ${pixels * 3} bytes (RGB) or ${pixels * 4} (RGBA).`,
    )
  }
  return { width, height, data: withoutAlpha(data) }
}

/** The first three of every four bytes. */
export function withoutAlpha(rgba: ArrayLike<number>): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] ?? 0
    rgb[to + 1] = rgba[from + 1] ?? 0
    rgb[to + 2] = rgba[from + 2] ?? 0
  }
  return rgb
}

async function readAddress(address: string | URL, options: DecodeOptions): Promise<Blob> {
  const text = String(address)
  const isFile = text.startsWith('file:') || !/^[a-z][a-z\d+.-]+:/i.test(text)
  if (!inBrowser && isFile) return readPath(address)
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
