import type { Size } from './types.js'

/** Where the search for the scale ends. */
const EPSILON = 1e-5

/**
 * SigLIP 2's NaFlex: the largest scale, to 1e-5, at which a picture has at most `most` patches when its sides are rounded
 * up to whole ones. The search is that of transformers 5.23 (`get_image_size_for_max_num_patches`) step by step, as where
 * it ends decides.
 *
 * @param from in pixels, at most 32768 a side, so that the lowest scale leaves one patch
 * @returns sides that are multiples of `patch`
 */
export function naflexSize({ width, height }: Size, patch: number, most: number): Size {
  const patches = (side: number, scale: number): number => Math.max(1, Math.ceil((side * scale) / patch))
  let low = EPSILON / 10
  let high = 100
  while (high - low >= EPSILON) {
    const scale = (low + high) / 2
    if (patches(height, scale) * patches(width, scale) <= most) low = scale
    else high = scale
  }
  return { width: patch * patches(width, low), height: patch * patches(height, low) }
}
