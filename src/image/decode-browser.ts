import { SovitError } from '../errors.js'
import { checkSize } from './limits.js'

/** Node (and whatever has no decoder of a browser) takes files by path and decodes through `sharp`. */
export const inBrowser = typeof createImageBitmap === 'function'

/** What a browser can make an ImageBitmap of. */
type Drawable = ImageBitmap | HTMLImageElement | HTMLCanvasElement | OffscreenCanvas | VideoFrame

/**
 * A bitmap of a file (JPEG, WebP, AVIF and what else the browser reads; its size is known, and checked, only after
 * decoding) or of what the browser has decoded. Whoever gets it closes it.
 */
export async function openBitmap(source: Blob | Drawable, what: string): Promise<ImageBitmap> {
  if (!(source instanceof Blob)) checkDrawable(source, what)
  const bitmap = await toBitmap(source, what)
  try {
    checkSize(bitmap.width, bitmap.height, what)
    return bitmap
  } catch (error) {
    bitmap.close()
    throw error
  }
}

function checkDrawable(source: Drawable, what: string): void {
  if ('naturalWidth' in source) checkSize(source.naturalWidth, source.naturalHeight, what)
  else if ('displayWidth' in source) checkSize(source.displayWidth, source.displayHeight, what)
  else checkSize(source.width, source.height, what)
}

/** Always a bitmap of our own: a caller's may be premultiplied, and this undoes it. */
export const AS_IT_IS = {
  premultiplyAlpha: 'none',
  colorSpaceConversion: 'none',
  imageOrientation: 'from-image',
} as const satisfies ImageBitmapOptions

async function toBitmap(source: Blob | Drawable, what: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(source, AS_IT_IS)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SovitError('BAD_IMAGE', `${what} cannot be decoded by this browser: ${why}. Is it complete?`, { cause })
  }
}
