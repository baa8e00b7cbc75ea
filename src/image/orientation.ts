import type { RgbImage } from './types.js'

const ORIENTATION_TAG = 0x0112
const ENTRY_BYTES = 12

/**
 * The orientation, 1..8, that a TIFF-structured Exif block tells in its first directory; 1 when it tells none or is
 * broken, as viewers take it (Exif 2.32, 4.6.4).
 */
export function exifOrientation(exif: Uint8Array): number {
  if (exif.length < 14) return 1
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength)
  const little = view.getUint16(0) === 0x4949
  const directory = view.getUint32(4, little)
  if (directory + 2 > exif.length) return 1
  const count = view.getUint16(directory, little)
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + i * ENTRY_BYTES
    if (entry + ENTRY_BYTES > exif.length) return 1
    if (view.getUint16(entry, little) === ORIENTATION_TAG) {
      const value = view.getUint16(entry + 8, little)
      return value >= 1 && value <= 8 ? value : 1
    }
  }
  return 1
}

/** Turns and mirrors a picture upright, as `ImageOps.exif_transpose` does. */
export function orient(image: RgbImage, orientation: number): RgbImage {
  if (orientation === 1) return image
  const swapped = orientation >= 5
  const width = swapped ? image.height : image.width
  const height = swapped ? image.width : image.height
  // The orientation says at which side of the upright picture the stored first row (5..8: column) and first column lie.
  const mirrorX = orientation === 2 || orientation === 3 || orientation === 7 || orientation === 6
  const mirrorY = orientation === 3 || orientation === 4 || orientation === 7 || orientation === 8
  const data = new Uint8Array(image.data.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const u = mirrorX ? width - 1 - x : x
      const v = mirrorY ? height - 1 - y : y
      const from = (swapped ? u * image.width + v : v * image.width + u) * 3
      const to = (y * width + x) * 3
      data.set(image.data.subarray(from, from + 3), to)
    }
  }
  return { width, height, data }
}
