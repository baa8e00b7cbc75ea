import type { EncodeInput } from '../encoder/types.js'
import { inBrowser, openBitmap } from '../image/decode-browser.js'
import { checkSize } from '../image/limits.js'
import type { Transferable } from '../platform.js'

/** Pictures as they are sent. */
export interface SentPictures {
  readonly pictures: EncodeInput[]
  /** What is moved, not copied. */
  readonly moved: Transferable[]
  /** Closes the bitmaps and frames that were made to be sent; a caller's stay as they are. */
  discard(): void
}

/**
 * Makes pictures ready to cross, so that the worker sees what the encoder would have seen here: bytes and pixel values are
 * copied at once, addresses mean the page's, and what the browser draws becomes a bitmap. If `transfer` says so, the
 * caller's bytes, bitmaps and frames are moved instead, and are gone here.
 *
 * @throws SovitError `BAD_IMAGE`, `IMAGE_SIZE` of what cannot become a bitmap
 */
export async function sendPictures(input: readonly EncodeInput[], transfer: boolean): Promise<SentPictures> {
  const moved = new Set<Transferable>()
  const made: (ImageBitmap | VideoFrame)[] = []
  const discard = (): void => made.forEach((one) => one.close())
  const sent = await Promise.allSettled(input.map((one) => sendPicture(one, transfer, moved, made)))
  const pictures = sent.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = sent.find((one) => one.status === 'rejected')
  if (!failed) return { pictures, moved: [...moved], discard }
  discard()
  throw failed.reason
}

async function sendPicture(
  input: EncodeInput,
  transfer: boolean,
  moved: Set<Transferable>,
  made: (ImageBitmap | VideoFrame)[],
): Promise<EncodeInput> {
  if (typeof input === 'string' || input instanceof URL) return absolute(input)
  // What is no picture is refused where it is decoded: JavaScript may pass anything.
  if (!isObject(input) || input instanceof Blob) return input
  if (input instanceof ArrayBuffer || input instanceof Uint8Array) return bytesToSend(input, transfer, moved)
  if ('pixels' in input) return { ...input, pixels: dataToSend(input.pixels, transfer, moved) }
  if ('data' in input) return dataToSend(input, transfer, moved)
  if (!inBrowser) return input
  if (isFrame(input)) checkSize(input.displayWidth, input.displayHeight, 'The picture')
  const taken = transfer && isMovable(input)
  const picture = taken ? input : isFrame(input) ? input.clone() : await openBitmap(input, 'The picture')
  if (!taken) made.push(picture)
  moved.add(picture)
  return picture
}

function isObject<T>(value: T): value is T & object {
  return typeof value === 'object' && value !== null
}

/** Elements and canvases that were drawn to stay where they are. */
function isMovable(input: object): input is ImageBitmap | VideoFrame {
  return isFrame(input) || (typeof ImageBitmap === 'function' && input instanceof ImageBitmap)
}

function isFrame(input: object): input is VideoFrame {
  return 'displayWidth' in input
}

function absolute(address: string | URL): string {
  const base = (globalThis as { readonly document?: Document }).document?.baseURI
  try {
    return new URL(address, base).href
  } catch {
    // No address: the worker says so.
    return String(address)
  }
}

function dataToSend<T extends { readonly width: number; readonly height: number; readonly data: ArrayBufferView }>(
  { width, height, data }: T,
  transfer: boolean,
  moved: Set<Transferable>,
): T {
  return { width, height, data: ArrayBuffer.isView(data) ? bytesToSend(data, transfer, moved) : data } as T
}

/**
 * The bytes themselves, which are moved, or a copy of them, which is: a view that is cloned would bring all of its memory
 * along. Shared memory is always copied.
 */
export function bytesToSend<T extends ArrayBuffer | ArrayBufferView>(
  bytes: T,
  transfer: boolean,
  moved: Set<Transferable>,
): T {
  const memory = ArrayBuffer.isView(bytes) ? bytes.buffer : bytes
  const sent = transfer && memory instanceof ArrayBuffer ? bytes : copyOf(bytes)
  moved.add((ArrayBuffer.isView(sent) ? sent.buffer : sent) as ArrayBuffer)
  return sent
}

function copyOf<T extends ArrayBuffer | ArrayBufferView>(bytes: T): T {
  // Every view of a picture or of weights is a typed array.
  return (bytes as unknown as { slice(): T }).slice()
}
