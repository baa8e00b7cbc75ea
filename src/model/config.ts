import { SovitError } from '../errors.js'
import { readVisionJson, type VisionJson } from './config-json.js'
import { blockOf, isBlockMatrix, scaleName, towerTensors, type ExpectedTensor } from './layouts.js'

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

export interface ResamplerConfig {
  /** Q: learned queries, the tokens that a picture becomes. */
  readonly queries: number
  /** D: width of the language model; heads are of 128. */
  readonly width: number
}

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

/** A tensor as far as the network cares. */
export interface TensorShape {
  readonly shape: readonly number[]
  readonly dtype: string
}

export interface ConfigInput {
  /** Tensors of the tower that the checkpoint has, by canonical name. */
  readonly tensors: ReadonlyMap<string, TensorShape>
  /** config.json, or null: then the shapes of the tensors decide, with heads of 72. */
  readonly config: Readonly<Record<string, unknown>> | null
  /** Default `auto`: by config.json, else tanh. */
  readonly gelu?: 'auto' | 'tanh' | 'erf'
  /** Default `auto`: by config.json, else all blocks that are there. */
  readonly layers?: 'auto' | number
}

/** Head size of every So400m. */
const HEAD_SIZE = 72

/**
 * The numbers of the network, from config.json and the tensors, which must agree.
 *
 * Each number that tensors show is read from several of them, so that one misshapen tensor is reported as that by
 * `checkTower`, and only a real contradiction as `CONFIG_MISMATCH`.
 * Throws `CONFIG_MISMATCH`, `BAD_CONFIG` (an unsupported network), `BAD_OPTION`, `TENSOR_MISSING`.
 */
export function resolveConfig(input: ConfigInput): VisionConfig {
  const json = input.config ? readVisionJson(input.config) : {}
  const seen = observe(input.tensors)
  const width = agree('hidden_size', json.width, seen.width)
  const patch = agree('patch_size', json.patch, seen.patch)
  const side = json.imageSize === undefined ? undefined : Math.floor(json.imageSize / patch)
  const table = agree('image_size / patch_size', side, seen.table)
  const heads = json.heads ?? width / HEAD_SIZE
  const config: VisionConfig = {
    layers: resolveLayers(input.layers ?? 'auto', json, seen.blocks),
    width,
    heads,
    headSize: width / heads,
    mlp: agree('intermediate_size', json.mlp, seen.mlp),
    patch,
    table,
    gelu: input.gelu === 'tanh' || input.gelu === 'erf' ? input.gelu : (json.gelu?.() ?? 'tanh'),
    eps: json.eps ?? 1e-6,
    ...TOWER_ALONE,
  }
  checkSupported(config, json)
  return config
}

/**
 * Checks that all tensors of the tower are there, in their shapes and in dtypes that can be weights.
 * Throws `TENSOR_MISSING`, `TENSOR_SHAPE` or `TENSOR_DTYPE` for the first that is not; `prefix` completes its name.
 */
export function checkTower(config: VisionConfig, tensors: ReadonlyMap<string, TensorShape>, prefix = ''): void {
  const problems = storedTensors(config, tensors)
    .map(({ name, shape }) => tensorProblem(name, shape, tensors.get(name), prefix))
    .filter((problem) => problem !== null)
  const [first, ...more] = problems
  if (!first) return
  const others = more.length > 0 ? ` ${more.length} more tensors are missing or unfit.` : ''
  throw new SovitError(first.code, `${first.message}${others} Check that it is the right checkpoint, and complete.`)
}

/** The tensors of the tower as a checkpoint stores them: scales follow the matrices of int8. */
export function storedTensors(config: VisionConfig, tensors: ReadonlyMap<string, TensorShape>): ExpectedTensor[] {
  return towerTensors(config).flatMap((tensor) => {
    const { name, shape } = tensor
    return isInt8(name, tensors.get(name)) ? [tensor, { name: scaleName(name), shape: shape.slice(0, 1) }] : [tensor]
  })
}

function isInt8(name: string, found: TensorShape | undefined): boolean {
  return found?.dtype === 'I8' && isBlockMatrix(name)
}

function tensorProblem(
  canonical: string,
  shape: readonly number[],
  found: TensorShape | undefined,
  prefix: string,
): SovitError | null {
  const name = prefix + canonical
  const expected = `[${shape.join(', ')}]`
  if (!found) return new SovitError('TENSOR_MISSING', `Tensor ${name} ${expected} is missing.`)
  if (found.shape.length !== shape.length || found.shape.some((n, i) => n !== shape[i])) {
    const has = `[${found.shape.join(', ')}]`
    return new SovitError('TENSOR_SHAPE', `Tensor ${name} has the shape ${has}, expected ${expected}.`)
  }
  if (!['F32', 'F16', 'BF16'].includes(found.dtype) && !isInt8(canonical, found)) {
    return new SovitError('TENSOR_DTYPE', `Tensor ${name} is ${found.dtype}; weights must be F32, F16 or BF16.`)
  }
  return null
}

/** What the tensors say of each number, each as often as a tensor says it. */
interface Observed {
  readonly width: readonly number[]
  readonly patch: readonly number[]
  readonly mlp: readonly number[]
  readonly table: readonly number[]
  /** Highest index of a block, plus one. */
  readonly blocks: number
}

function observe(tensors: ReadonlyMap<string, TensorShape>): Observed {
  const size = (name: string, axis: number): number[] => {
    const n = tensors.get(name)?.shape[axis]
    return n === undefined ? [] : [n]
  }
  const patchEmbedding = 'embeddings.patch_embedding.weight'
  const rank = tensors.get(patchEmbedding)?.shape.length ?? 4
  if (rank !== 4) {
    const form = 'a linear patch embedding (NaFlex) is not supported'
    throw badConfig(`${patchEmbedding} has ${rank} axes, expected 4 [width, 3, patch, patch]: ${form}`)
  }
  const rows = size('embeddings.position_embedding.weight', 0)
  const sides = rows.map(Math.sqrt)
  if (!sides.every(Number.isInteger)) throw badConfig(`the position table has ${String(rows[0])} rows, not a square`)
  const blocks = [...tensors.keys()].map((name) => (blockOf(name) ?? -1) + 1)
  return {
    width: [
      ...size('post_layernorm.weight', 0),
      ...size(patchEmbedding, 0),
      ...size('embeddings.patch_embedding.bias', 0),
      ...size('embeddings.position_embedding.weight', 1),
    ],
    patch: [...size(patchEmbedding, 2), ...size(patchEmbedding, 3)],
    mlp: ['encoder.layers.0.mlp.fc1.bias', 'encoder.layers.0.mlp.fc1.weight']
      .flatMap((name) => size(name, 0))
      .concat(size('encoder.layers.0.mlp.fc2.weight', 1)),
    table: sides,
    blocks: blocks.reduce((most, n) => Math.max(most, n), 0),
  }
}

/** The number that config.json states and at least one tensor shows; without config.json, what most tensors show. */
function agree(key: string, stated: number | undefined, seen: readonly number[]): number {
  const most = mostFrequent(seen)
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
    if (!json.dropLast) return found
    throw badConfig('drop_vision_last_layer needs num_hidden_layers, which is missing')
  }
  const run = json.dropLast ? json.layers - 1 : json.layers
  if (found === json.layers || (json.dropLast && found === run)) return run
  throw mismatch(`config.json has num_hidden_layers ${json.layers}, the tensors have ${found} blocks`)
}

/** What the kernels need: whole heads, and vectors of 4 along every summed axis. */
function checkSupported({ width, heads, headSize, mlp, patch }: VisionConfig, json: VisionJson): void {
  if (!Number.isInteger(heads)) {
    throw badConfig(
      `width ${width} is no multiple of the head size ${HEAD_SIZE}; num_attention_heads must tell the heads`,
    )
  }
  if (!Number.isInteger(headSize)) throw badConfig(`width ${width} cannot be divided by ${heads} heads`)
  if (headSize % 4 !== 0) throw badConfig(`the head size is ${headSize}, not a multiple of 4`)
  if (mlp % 4 !== 0) throw badConfig(`the MLP width is ${mlp}, not a multiple of 4`)
  if ((3 * patch * patch) % 4 !== 0) throw badConfig(`a patch has ${3 * patch * patch} values, not a multiple of 4`)
  if (json.channels !== undefined && json.channels !== 3) {
    throw badConfig(`num_channels is ${json.channels}; pictures have 3 channels`)
  }
}

function badConfig(what: string): SovitError {
  return new SovitError(
    'BAD_CONFIG',
    `The network is not supported: ${what}. Use a SigLIP tower of a supported family.`,
  )
}

function mismatch(what: string): SovitError {
  return new SovitError('CONFIG_MISMATCH', `${what}. Use the config.json that belongs to the weights.`)
}
