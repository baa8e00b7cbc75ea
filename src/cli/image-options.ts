import type { PreprocessOptions, SizeOption } from '../image/types.js'
import { choice, count, UsageError } from './args.js'

/** How pictures become pixel values, for every command that reads pictures. */
export const IMAGE_OPTIONS = {
  size: {
    value: 'S',
    help:
      '448 (default: squash to 448x448), HxW, native (aspect kept, at most table side x patch), ' +
      'minicpm-v (overview and slices), naflex:N (aspect kept, at most N patches)',
  },
  resample: {
    value: 'R',
    help: 'auto (default: bilinear for SigLIP 2, else bicubic), bicubic, bilinear; exactly as Pillow',
  },
  'max-slices': { value: 'N', help: 'most slices of --size minicpm-v, besides the overview; default 9' },
} as const

/** The larger side that Pillow, sharp and a table of positions could ever see; it also keeps arithmetic exact. */
const MAX_SIDE = 65_535
/** A bound against slips of the pen: a thousand slices are a million tokens. */
const MAX_SLICES = 1000

export function imageOptions(values: {
  readonly size?: string
  readonly resample?: string
  readonly 'max-slices'?: string
}): PreprocessOptions {
  const resample = choice('resample', values.resample ?? 'auto', ['auto', 'bicubic', 'bilinear'])
  const size = parseSize(values.size ?? '448')
  const slices = values['max-slices']
  if (slices !== undefined && size !== 'minicpm-v') {
    throw new UsageError('--max-slices needs --size minicpm-v; no other size makes slices.')
  }
  return {
    size,
    ...(resample !== 'auto' && { resample }),
    ...(slices !== undefined && { maxSlices: count('max-slices', slices, 1, MAX_SLICES) }),
  }
}

export function parseSize(text: string): SizeOption {
  if (text === 'native' || text === 'minicpm-v') return text
  const [, patches] = /^naflex:(.*)$/.exec(text) ?? []
  if (patches !== undefined) return { naflex: count('size naflex:N', patches, 1, MAX_SIDE) }
  const [, height, , width] = /^(\d{1,9})(x(\d{1,9}))?$/.exec(text) ?? []
  if (height === undefined) {
    const known = '448, HxW (such as 336x602), native, minicpm-v or naflex:N (such as naflex:256)'
    throw new UsageError(`--size cannot be "${text}". Use ${known}.`)
  }
  const sides = { height: Number(height), width: Number(width ?? height) }
  if (Math.min(sides.height, sides.width) < 1 || Math.max(sides.height, sides.width) > MAX_SIDE) {
    throw new UsageError(`--size ${text} is out of range: each side must be from 1 to ${MAX_SIDE}.`)
  }
  return width === undefined ? sides.height : sides
}
