import type { PreprocessOptions } from '../image/types.js'
import { CACHE_OPTION, cacheOption } from './cache-option.js'
import { choice, count, UsageError, type Parsed } from './args.js'
import { IMAGE_OPTIONS, imageOptions } from './image-options.js'
import { modelRef, type ModelRef } from './model-ref.js'
import { RUNTIMES, type TowerOptions } from './runtime.js'
import { NETWORK_OPTIONS, networkOptions } from './tower-options.js'

export const ENCODE_OPTIONS = {
  model: { value: 'MODEL', help: 'the checkpoint; see below' },
  out: {
    value: 'FILE',
    help: 'safetensors file to write: last_hidden_state.{i}, grid.{i}, source.{i}, and pooler_output, resampled, merged',
  },
  pixels: { value: 'FILE', help: 'instead of pictures: safetensors with pixel_values.{i} F32 [3,H,W], normalised' },
  ...IMAGE_OPTIONS,
  ...NETWORK_OPTIONS,
  precision: { value: 'P', help: 'auto (default), f32, f16' },
  runtime: { value: 'R', help: 'auto (default), node (Dawn, package webgpu), chromium (headless)' },
  arithmetic: { value: 'A', help: 'auto (default), f32, f16 (with precision f16), matrix: how products are computed' },
  tune: { value: 'T', help: 'on (default): measure once which kernels are fastest here; off: by rule' },
  ...CACHE_OPTION,
  manifest: { value: 'FILE', help: 'hashes that all weights must have: see sovit manifest' },
  'hidden-states': { help: 'also write hidden_states.{i}.{layer}: 0 embeddings, l output of block l' },
  repeat: { value: 'N', help: 'after one warm-up run, N timed runs' },
  pca: { value: 'FILE', help: 'PNG to write: the principal components of the tokens as colours' },
  json: { help: 'one JSON object on stdout' },
} as const

/** What the user asks of `encode`, checked as far as it can be without opening a file. */
export interface EncodeRequest {
  readonly images: readonly string[]
  /** Instead of images. */
  readonly pixels: string | undefined
  readonly image: PreprocessOptions
  readonly model: ModelRef
  readonly tower: TowerOptions
  readonly cache: boolean | string
  /** A file. */
  readonly manifest: string | undefined
  readonly runtime: (typeof RUNTIMES)[number]
  readonly hiddenStates: boolean
  readonly repeat: number | undefined
  readonly out: string | undefined
  readonly pca: string | undefined
  readonly json: boolean
}

type Values = Parsed<typeof ENCODE_OPTIONS>['values']

/** Throws `UsageError`, and `BAD_OPTION` for what is documented but not supported yet. */
export function encodeOptions(values: Values, images: readonly string[]): EncodeRequest {
  const { pixels, out, pca, json, repeat, manifest } = values
  if (images.length === 0 && pixels === undefined) throw new UsageError('No picture is given, and no --pixels FILE.')
  if (images.length > 0 && pixels !== undefined) throw new UsageError('Give pictures or --pixels FILE, not both.')
  if (values['hidden-states'] && out === undefined) throw new UsageError('--hidden-states needs --out FILE to go to.')
  return {
    images,
    pixels,
    image: imageOptions(values),
    tower: towerOptions(values),
    cache: cacheOption(values),
    manifest,
    runtime: choice('runtime', values.runtime ?? 'auto', RUNTIMES),
    hiddenStates: values['hidden-states'],
    repeat: repeat === undefined ? undefined : count('repeat', repeat, 1, 100_000),
    out,
    pca,
    json,
    model: modelRef(values.model),
  }
}

function towerOptions(values: Values): TowerOptions {
  const { precision = 'auto', arithmetic = 'auto', tune = 'on' } = values
  return {
    ...networkOptions(values),
    precision: choice('precision', precision, ['auto', 'f32', 'f16']),
    arithmetic: choice('arithmetic', arithmetic, ['auto', 'f32', 'f16', 'matrix']),
    tuning: choice('tune', tune, ['on', 'off']) === 'on',
  }
}
