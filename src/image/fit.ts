import { SovitError } from '../errors.js'
import { MAX_SIDE } from './limits.js'
import { naflexSize } from './naflex.js'
import { roundHalfEven, sliceSizes } from './slicing.js'
import type { PreprocessOptions, Size, Target } from './types.js'

/** The targets of any size: see `targetsOf`. */
export function fit(from: Size, options: PreprocessOptions): readonly Target[] {
  const { patch = 14 } = options
  checkWhole(patch, 'patch')
  const targets = fitted(from, options, patch)
  for (const target of targets) checkTarget(target, patch)
  return targets
}

function fitted(from: Size, options: PreprocessOptions, patch: number): Target[] {
  const { size = 448, limit = 980, maxSlices = 9, resample } = options
  const whole = { filter: resample ?? 'bicubic', rows: 1, columns: 1 } as const
  if (size === 'minicpm-v') {
    checkWhole(maxSlices, 'maxSlices')
    const { overview, refined } = sliceSizes(from, patch, maxSlices)
    return [{ ...overview, ...whole }, ...(refined ? [{ ...whole, ...refined }] : [])]
  }
  if (size === 'native') {
    checkWhole(limit, 'limit')
    return [{ ...nativeSize(from, patch, limit), ...whole }]
  }
  const sides = typeof size === 'number' ? { width: size, height: size } : size
  if (!isObject(sides)) {
    const known = `a side, { height, width }, { naflex }, 'native' or 'minicpm-v'`
    throw new SovitError('BAD_OPTION', `size cannot be ${JSON.stringify(size)}. Choose ${known}.`)
  }
  if ('naflex' in sides) {
    checkWhole(sides.naflex, 'naflex')
    // SigLIP 2's processors say bilinear where those of all other checkpoints say bicubic.
    return [{ ...naflexSize(from, patch, sides.naflex), ...whole, filter: resample ?? 'bilinear' }]
  }
  const { width, height } = sides
  checkWhole(width, 'size')
  checkWhole(height, 'size')
  return [{ width, height, ...whole }]
}

/** JavaScript may pass anything. */
function isObject<T>(value: T): value is T & object {
  return typeof value === 'object' && value !== null
}

/** scale = min(1, limit / longest side), each side = max(p, p·round(side·scale / p)), at most the limit. */
function nativeSize({ width, height }: Size, patch: number, limit: number): Size {
  const scale = Math.min(1, limit / Math.max(width, height))
  const largest = patch * Math.floor(limit / patch)
  const side = (length: number): number =>
    Math.min(largest, Math.max(patch, patch * roundHalfEven((length * scale) / patch)))
  return { width: side(width), height: side(height) }
}

/** Throws `BAD_OPTION` unless the option `name` is a positive whole number. */
function checkWhole(value: number, name: string): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new SovitError('BAD_OPTION', `${name} is ${String(value)}; it must be a positive whole number.`)
  }
}

/** Throws `IMAGE_SIZE` for a target smaller than a patch or with a side above 32768. */
function checkTarget({ width, height }: Size, patch: number): void {
  if (Math.min(width, height) < patch) {
    throw new SovitError(
      'IMAGE_SIZE',
      `The target of ${height}×${width} pixels (height×width) is smaller than one patch of ${patch}×${patch}. ` +
        `Choose sides of at least ${patch}.`,
    )
  }
  if (Math.max(width, height) > MAX_SIDE) {
    throw new SovitError(
      'IMAGE_SIZE',
      `The target of ${height}×${width} pixels (height×width) has a side above ${MAX_SIDE}. Choose another size.`,
    )
  }
}
