import type { LoadOptions } from '../encoder/types.js'
import { LAYOUT_NAMES } from '../model/layouts.js'
import { POSITION_MODES } from '../model/positions.js'
import { choice, count, type Parsed } from './args.js'

/** What is read of a checkpoint, for every command that reads one. */
export const CHECKPOINT_OPTIONS = {
  layout: { value: 'L', help: `auto (default), ${LAYOUT_NAMES.join(', ')}` },
  heads: { value: 'H', help: 'all (default: what the checkpoint has of MAP head, resampler, mergers), none' },
  merge: { value: 'M', help: '4x, 16x: mode of the merger of the newest towers; default by config.json' },
} as const

const POSITIONS = ['auto', ...POSITION_MODES] as const

/** How it is run, for commands that run it or tell how. */
export const NETWORK_OPTIONS = {
  positions: { value: 'P', help: POSITIONS.join(', ').replace('auto', 'auto (default)') },
  gelu: { value: 'G', help: 'auto (default), tanh, erf' },
  layers: { value: 'N', help: 'auto (default) or the number of blocks to run' },
  ...CHECKPOINT_OPTIONS,
} as const

/** Throws `UsageError`. */
export function checkpointOptions(
  values: Parsed<typeof CHECKPOINT_OPTIONS>['values'],
): Pick<LoadOptions, 'layout' | 'heads' | 'merge'> {
  const { layout = 'auto', heads = 'all', merge } = values
  return {
    layout: choice('layout', layout, ['auto', ...LAYOUT_NAMES]),
    heads: choice('heads', heads, ['all', 'none']),
    ...(merge !== undefined && { merge: choice('merge', merge, ['4x', '16x']) }),
  }
}

/** Throws `UsageError`. */
export function networkOptions(
  values: Parsed<typeof NETWORK_OPTIONS>['values'],
): Pick<LoadOptions, keyof typeof NETWORK_OPTIONS> {
  const { positions = 'auto', gelu = 'auto', layers = 'auto' } = values
  return {
    positions: choice('positions', positions, POSITIONS),
    gelu: choice('gelu', gelu, ['auto', 'tanh', 'erf']),
    layers: layers === 'auto' ? layers : count('layers', layers, 1, 1000),
    ...checkpointOptions(values),
  }
}
