import type Sharp from 'sharp'
import { SovitError } from '../errors.js'
import { checkSize } from './limits.js'
import type { RgbImage } from './types.js'

/** Loads a module by a name that bundlers for browsers cannot see. */
function load(name: string): Promise<unknown> {
  return import(/* @vite-ignore */ /* webpackIgnore: true */ name)
}

/** A file of this machine, in Node. */
export async function readPath(path: string | URL): Promise<Blob> {
  const fs = (await load('node:fs/promises')) as typeof import('node:fs/promises')
  const file = typeof path === 'string' && path.startsWith('file:') ? new URL(path) : path
  try {
    return new Blob([await fs.readFile(file)])
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SovitError('NOT_FOUND', `The picture ${String(path)} cannot be read: ${why}. Check the path.`, { cause })
  }
}

/**
 * JPEG, WebP, AVIF and what else libvips reads, in Node.
 *
 * @throws SovitError `MISSING_PACKAGE`, `BAD_IMAGE`, `IMAGE_SIZE` (before any pixel is decoded)
 */
export async function decodeWithSharp(bytes: Uint8Array, what: string): Promise<RgbImage> {
  const sharp = await loadSharp()
  try {
    // Sizes are checked here, with our own limits and words; a profile is not to be applied (Pillow ignores it).
    const picture = sharp(bytes, { limitInputPixels: false, ignoreIcc: true, failOn: 'error' })
    const { width, height, space } = await picture.metadata()
    checkSize(width, height, what)
    if (space === 'cmyk') return await decodeInks(picture)
    const rgb = picture.autoOrient().removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' })
    const { data, info } = await rgb.toBuffer({ resolveWithObject: true })
    return { width: info.width, height: info.height, data }
  } catch (cause) {
    if (cause instanceof SovitError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SovitError(
      'BAD_IMAGE',
      `${what} cannot be decoded: ${why}. Readable are PNG, JPEG, WebP and AVIF; is the file complete?`,
      { cause },
    )
  }
}

/** CMYK without its profile, as Pillow converts it (cmyk2rgb in libImaging/Convert.c); libvips would apply a profile. */
async function decodeInks(picture: ReturnType<typeof Sharp>): Promise<RgbImage> {
  const inks = picture.autoOrient().pipelineColourspace('cmyk').toColourspace('cmyk').raw({ depth: 'uchar' })
  const { data, info } = await inks.toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const rgb = new Uint8Array(width * height * 3)
  for (let i = 0; i < width * height; i++) {
    const light = 255 - (data[i * channels + 3] ?? 0)
    for (let c = 0; c < 3; c++) {
      const product = (data[i * channels + c] ?? 0) * light + 128
      rgb[i * 3 + c] = light - (((product >> 8) + product) >> 8)
    }
  }
  return { width, height, data: rgb }
}

async function loadSharp(): Promise<typeof Sharp> {
  try {
    return ((await load('sharp')) as { default: typeof Sharp }).default
  } catch (cause) {
    throw new SovitError(
      'MISSING_PACKAGE',
      'Pictures other than PNG are decoded by the optional package sharp in Node, and it cannot be loaded. ' +
        'Run `npm install sharp`.',
      { cause },
    )
  }
}
