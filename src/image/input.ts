import type { PixelSource } from '../graph/batch.js'
import { withDecoded, type DecodeOptions } from './decode.js'
import type { GpuResizer } from './gpu-resize.js'
import { targetsOf } from './targets.js'
import type { ImageInput, Piece, PixelValues, PreprocessOptions } from './types.js'

interface Pixels {
  readonly pixels: PixelValues
}

/** Pixel values, here or on the device. */
export type AnyData = Float32Array | PixelSource

/**
 * Pixel values of the pieces of a picture, made by `resizer` if there is one and it takes the picture; or ready ones,
 * checked, which are one piece whatever the size. An overview comes first, then the slices row by row.
 */
export async function toPieces(
  input: ImageInput | Pixels,
  options: PreprocessOptions & DecodeOptions,
  resizer: GpuResizer | null,
): Promise<Piece<AnyData>[]> {
  if (hasPixels(input)) {
    // Of a file of its own, as most pages have pictures.
    const { checkPixels } = await import('./ready.js')
    return [{ ...checkPixels(input.pixels), place: [-1, -1] }]
  }
  return withDecoded(input, options, async (picture) => {
    const targets = await targetsOf(picture, options)
    const takes = resizer !== null && !isVideoFrame(input) && (await resizer.takes(picture, targets))
    if (takes) return resizer.resize(picture, targets)
    // Of a file of its own, as GPUs take most pictures.
    return (await import('./preprocess.js')).preprocessAll(picture, targets)
  })
}

/** JavaScript may pass anything, null among it: what is neither is refused as no picture. */
export function hasPixels(input: unknown): input is Pixels {
  return typeof input === 'object' && input !== null && 'pixels' in input && Boolean(input.pixels)
}

/** A bitmap of a frame may lie on the device in the video's own colour space, and be converted: left to the CPU. */
function isVideoFrame(input: ImageInput): boolean {
  return typeof input === 'object' && 'displayWidth' in input
}

/** Frees what pixel values hold on the device, unless they were written. */
export function freePixels({ data }: { readonly data: AnyData }): void {
  if (!ArrayBuffer.isView(data)) data.free()
}
