import { SovitError } from '../errors.js'
import type { VisionJson } from './config-json.js'
import { blockOf } from './layouts.js'

/**
 * Shapes are written in named letters everywhere:
 * B images, P patches (rows of all images of a batch, packed), C channels (width), H heads, D head size, F MLP width,
 * K = 3·p² values of a patch, S side of the position table, L blocks.
 */

/** The SigLIP tower, as numbers. SoViT-400m/14: L 27, C 1152, H 16, D 72, F 4304, p 14, S 70 (MiniCPM-V). */
export interface VisionConfig {
  /** L: blocks that are run. */
  readonly layers: number
  /** C */
  readonly width: number
  /** H */
  readonly heads: number
  /** D = C / H */
  readonly headSize: number
  /** F */
  readonly mlp: number
  /** p: side of a patch in pixels. */
  readonly patch: number
  /** S: side of the position table, in patches. */
  readonly table: number
  /** Form of the GELU: tanh everywhere but in timm's patch-14 layouts. */
  readonly gelu: 'tanh' | 'erf'
  /** Epsilon of every layer norm (1e-6). */
  readonly eps: number
  /** How the patch embedding is stored: a convolution's kernel [C, 3, p, p], or (SigLIP 2 NaFlex) a linear map [C, p·p·3]. */
  readonly embedding: 'conv' | 'linear'
  /** SigLIP's MAP head, which gives one vector for a picture. */
  readonly pooling: PoolingConfig | null
  /** MiniCPM-V 2.5 to 4.5: what gives the language model its queries. */
  readonly resampler: ResamplerConfig | null
  /** MiniCPM-V 4.6 and later: what merges neighbouring tokens, within the tower and behind it. */
  readonly merger: MergerConfig | null
}

/** A tower of convolution and blocks, without anything before or behind them. */
export const TOWER_ALONE = { embedding: 'conv', pooling: null, resampler: null, merger: null } as const

/** Its attention has the tower's heads. */
export interface PoolingConfig {
  /** Width of its MLP. */
  readonly mlp: number
}

/** One layer of cross attention, from learned queries to tokens. */
export interface ResamplerConfig {
  /** Q: learned queries, the tokens that a picture becomes. */
  readonly queries: number
  /** D: width of the language model; heads are of 128. */
  readonly width: number
}

/** MLPs that make one row of 2×2. */
export interface MergerConfig {
  /** `16x`: windows of 2×2 are merged within the tower and again behind it; `4x`: behind it only. */
  readonly mode: '4x' | '16x'
  /** Index of the block after which the tower's windows are merged. */
  readonly after: number
  /** Width of the MLP of that merging. */
  readonly windowMlp: number
  /** Merges behind the tower, each of 2×2. */
  readonly times: number
  /** Width of the language model. */
  readonly width: number
}

/** Patches on a side of the square that becomes one row of the last result: 1 where nothing is merged. */
export function mergedPatches({ merger }: Pick<VisionConfig, 'merger'>): number {
  return merger ? 2 ** merger.times * (merger.mode === '16x' ? 2 : 1) : 1
}

/** What is merged must be whole squares of patches, as the reference demands. Throws `IMAGE_SIZE`. */
export function checkMerged([rows, columns]: readonly [number, number], config: VisionConfig): void {
  const side = mergedPatches(config)
  if (rows % side === 0 && columns % side === 0) return
  throw new SovitError(
    'IMAGE_SIZE',
    `A grid of ${rows}×${columns} patches cannot be merged ${config.merger?.mode}: both must be multiples of ${side}. ` +
      `Use sides of multiples of ${side * config.patch} pixels.`,
  )
}

/** A tensor as far as the network cares. */
export interface TensorShape {
  readonly shape: readonly number[]
  readonly dtype: string
}

export type Tensors = ReadonlyMap<string, TensorShape>

export interface ConfigInput {
  /** Tensors of the tower that the checkpoint has, by canonical name. */
  readonly tensors: Tensors
  /** What config.json says; null without one: then the shapes of the tensors decide, with heads of 72. */
  readonly json: VisionJson | null
  /** The names are timm's. */
  readonly timm?: boolean
  /** Default `auto`: by config.json, else erf for timm's towers of patch 14, else tanh. */
  readonly gelu?: 'auto' | 'tanh' | 'erf'
  /** Default `auto`: by config.json, else all blocks that are there. */
  readonly layers?: 'auto' | number
}

/** Head size of every So400m. */
export const HEAD_SIZE = 72
/** A So400m, which some config.json only names. */
const SO400M = { width: 1152, layers: 27 }

/**
 * The numbers of the tower, from config.json and the tensors, which must agree; `head-names.ts` adds what lies behind it.
 *
 * Each number that tensors show is read from several of them, so that one misshapen tensor is reported as that by
 * `checkNetwork`, and only a real contradiction as `CONFIG_MISMATCH`.
 * Throws `CONFIG_MISMATCH`, `BAD_CONFIG` (what is no tower), `BAD_OPTION`, `TENSOR_MISSING`.
 */
export function resolveConfig({ tensors, json: stated, timm, ...asked }: ConfigInput): VisionConfig {
  const json = stated ?? {}
  const seen = observe(tensors)
  const width = agree('hidden_size', json.width, seen.width)
  const patch = agree('patch_size', json.patch, seen.patch)
  const side = json.imageSize === undefined ? undefined : Math.floor(json.imageSize / patch)
  const table =
    json.side === undefined
      ? agree('image_size / patch_size', side, seen.table)
      : agree('√num_patches', json.side, seen.table)
  const heads = json.heads ?? width / HEAD_SIZE
  const layers = json.layers ?? (json.so400m && width === SO400M.width ? SO400M.layers : undefined)
  return {
    layers: resolveLayers(asked.layers ?? 'auto', { ...json, layers }, seen.blocks),
    width,
    heads,
    headSize: width / heads,
    mlp: agree('intermediate_size', json.mlp, seen.mlp),
    patch,
    table,
    gelu:
      asked.gelu === 'tanh' || asked.gelu === 'erf'
        ? asked.gelu
        : (json.gelu?.() ?? (timm && patch === 14 ? 'erf' : 'tanh')),
    eps: json.eps ?? 1e-6,
    ...TOWER_ALONE,
    embedding: seen.embedding,
  }
}

/** What the tensors say of each number, each as often as a tensor says it. */
interface Observed {
  readonly embedding: 'conv' | 'linear'
  readonly width: readonly number[]
  readonly patch: readonly number[]
  readonly mlp: readonly number[]
  readonly table: readonly number[]
  /** Highest index of a block, plus one. */
  readonly blocks: number
}

function observe(tensors: Tensors): Observed {
  const size = (name: string, axis: number) => sizesOf(tensors, axis, name)
  const patchEmbedding = 'embeddings.patch_embedding.weight'
  const linear = tensors.get(patchEmbedding)?.shape.length === 2
  const blocks = [...tensors.keys()].map((name) => (blockOf(name) ?? -1) + 1)
  return {
    embedding: linear ? 'linear' : 'conv',
    width: [
      ...size('post_layernorm.weight', 0),
      ...size(patchEmbedding, 0),
      ...size('embeddings.patch_embedding.bias', 0),
      ...size('embeddings.position_embedding.weight', 1),
    ],
    patch: linear
      ? size(patchEmbedding, 1).map((n) => Math.sqrt(n / 3))
      : [...size(patchEmbedding, 2), ...size(patchEmbedding, 3)],
    mlp: [
      ...sizesOf(tensors, 0, 'encoder.layers.0.mlp.fc1.bias', 'encoder.layers.0.mlp.fc1.weight'),
      ...size('encoder.layers.0.mlp.fc2.weight', 1),
    ],
    table: size('embeddings.position_embedding.weight', 0).map(Math.sqrt),
    blocks: blocks.reduce((most, n) => Math.max(most, n), 0),
  }
}

/** The sizes along an axis of those of the named tensors that are there. */
export function sizesOf(tensors: Tensors, axis: number, ...names: readonly string[]): number[] {
  return names.flatMap((name) => tensors.get(name)?.shape[axis] ?? [])
}

/**
 * The number that config.json states and at least one tensor shows; without config.json, what most tensors show, be it a
 * fraction, which `checkNetwork` refuses.
 */
export function agree(key: string, stated: number | undefined, seen: readonly number[]): number {
  const most = mostFrequent(stated === undefined ? seen : seen.filter(Number.isInteger))
  if (stated === undefined) {
    if (most !== undefined) return most
    throw new SovitError('TENSOR_MISSING', `The tensors that show ${key} are missing. Check that the file is complete.`)
  }
  if (most === undefined || seen.includes(stated)) return stated
  throw mismatch(`config.json has ${key} ${stated}, the tensors have ${most}`)
}

function mostFrequent(numbers: readonly number[]): number | undefined {
  const count = (n: number): number => numbers.filter((other) => other === n).length
  return [...numbers].sort((a, b) => count(b) - count(a))[0]
}

/**
 * Blocks to run. With `drop_vision_last_layer` that is num_hidden_layers - 1, whether the file still has the dropped
 * block or not (the one of MiniCPM-V-2 does not); so never "blocks found minus one".
 */
function resolveLayers(asked: 'auto' | number, json: VisionJson, found: number): number {
  if (asked !== 'auto') {
    if (Number.isInteger(asked) && asked >= 1 && asked <= found) return asked
    throw new SovitError(
      'BAD_OPTION',
      `${asked} layers cannot be run. The checkpoint has ${found}: give 1 to ${found}.`,
    )
  }
  if (found === 0) throw new SovitError('TENSOR_MISSING', 'The checkpoint has no blocks. Check that it is complete.')
  if (json.layers === undefined) {
    // The code of MiniCPM-V 1.0 and 2.0 drops the block as it builds the tower, so it never saves it.
    if (!json.dropLast || json.family === 'timm') return found
    throw badConfig('drop_vision_last_layer needs num_hidden_layers, which is missing')
  }
  const run = json.dropLast ? json.layers - 1 : json.layers
  if (found === json.layers || (json.dropLast && found === run)) return run
  throw mismatch(`config.json has num_hidden_layers ${json.layers}, the tensors have ${found} blocks`)
}

export function badConfig(what: string): SovitError {
  return new SovitError(
    'BAD_CONFIG',
    `The network is not supported: ${what}. Use a SigLIP tower of a supported family.`,
  )
}

export function mismatch(what: string): SovitError {
  return new SovitError('CONFIG_MISMATCH', `${what}. Use the config.json that belongs to the weights.`)
}
