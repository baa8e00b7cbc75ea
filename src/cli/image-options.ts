import type { PreprocessOptions, Resample, SizeOption } from '../image/types.js'
import { choice, count, notYet, UsageError } from './args.js'

/** How pictures become pixel values, for every command that reads pictures. */
export const IMAGE_OPTIONS = {
  size: {
    value: 'S',
    help: '448 (default: squash to 448x448), HxW, or native (aspect kept, at most table side x patch)',
  },
  resample: { value: 'R', help: 'auto (default: bicubic), bicubic, bilinear; exactly as Pillow' },
} as const

/** Options of slicing and merging, which come with the networks that need them. */
export const SLICING_OPTIONS = {
  'max-slices': { value: 'N', help: 'not supported yet' },
  merge: { value: 'M', help: 'not supported yet' },
} as const

/** Throws `BAD_OPTION` when one of them is given in a sensible way, else `UsageError`. */
export function refuseSlicing(values: { readonly 'max-slices'?: string; readonly merge?: string }): void {
  const { 'max-slices': slices, merge } = values
  if (slices !== undefined) throw notYet(`--max-slices ${count('max-slices', slices, 1, 1000)}`, 'Leave it out')
  if (merge === undefined) return
  if (merge === '4x' || merge === '16x') throw notYet(`--merge ${merge}`, 'Leave it out')
  throw new UsageError(`--merge cannot be "${merge}". Use 4x or 16x.`)
}

/** The larger side that Pillow, sharp and a table of positions could ever see; it also keeps arithmetic exact. */
const MAX_SIDE = 65_535

export function imageOptions(values: { readonly size?: string; readonly resample?: string }): PreprocessOptions {
  const resample = choice('resample', values.resample ?? 'auto', ['auto', 'bicubic', 'bilinear'])
  const pillow: Resample = resample === 'auto' ? 'bicubic' : resample
  return { size: parseSize(values.size ?? '448'), resample: pillow }
}

export function parseSize(text: string): SizeOption {
  if (text === 'native') return 'native'
  if (text === 'minicpm-v' || /^naflex:\d+$/.test(text)) {
    throw notYet(`--size ${text}`, 'Use 448, HxW or native')
  }
  const [, height, , width] = /^(\d{1,9})(x(\d{1,9}))?$/.exec(text) ?? []
  if (height === undefined)
    throw new UsageError(`--size cannot be "${text}". Use 448, HxW (such as 336x602) or native.`)
  const sides = { height: Number(height), width: Number(width ?? height) }
  if (Math.min(sides.height, sides.width) < 1 || Math.max(sides.height, sides.width) > MAX_SIDE) {
    throw new UsageError(`--size ${text} is out of range: each side must be from 1 to ${MAX_SIDE}.`)
  }
  return width === undefined ? sides.height : sides
}
