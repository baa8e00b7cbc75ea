/**
 * SigLIP as big_vision names and stores it (big_vision/models/vit.py): kernels are [in, out], those of patches [row,
 * column, channel, out], those of attention split into heads; blocks are groups of their own, or stacked.
 */
import type { ArrayHeader } from './npy.js'
import { badNpz, type ZipEntry } from './zip.js'

export interface NpzArray extends ArrayHeader {
  readonly entry: ZipEntry
}

/** Where an array goes. Stacked ones go to several tensors: slice i of the first axis to the i-th of them. */
export interface Move {
  readonly array: NpzArray
  /** Canonical names. */
  readonly to: readonly string[]
  /** Of one slice, as it is stored. */
  readonly from: readonly number[]
  /** Order of the axes of `from` in the tensor. */
  readonly axes: readonly number[]
  /** Of the tensor. */
  readonly shape: readonly number[]
}

/** Names within a block, or within the pooling head, and the stems of the tensors. */
const GROUPS = [
  ['LayerNorm_0', 'layer_norm1', 'layernorm'],
  ['LayerNorm_1', 'layer_norm2', null],
  ['MlpBlock_0/Dense_0', 'mlp.fc1', 'mlp.fc1'],
  ['MlpBlock_0/Dense_1', 'mlp.fc2', 'mlp.fc2'],
  ['MultiHeadDotProductAttention_0/query', 'self_attn.q_proj', 'attention.q_proj'],
  ['MultiHeadDotProductAttention_0/key', 'self_attn.k_proj', 'attention.k_proj'],
  ['MultiHeadDotProductAttention_0/value', 'self_attn.v_proj', 'attention.v_proj'],
  ['MultiHeadDotProductAttention_0/out', 'self_attn.out_proj', 'attention.out_proj'],
] as const

const OUTSIDE: Readonly<Record<string, string>> = {
  embedding: 'embeddings.patch_embedding',
  'Transformer/encoder_norm': 'post_layernorm',
}

export interface BigVision {
  readonly moves: readonly Move[]
  /** H, which shapes of kernels tell. */
  readonly heads: number | undefined
  /** Words of the text tower's table. */
  readonly vocabulary: number | undefined
  /** Arrays of the text tower, and others that have no place here. */
  readonly skipped: number
}

/** What an archive of these arrays, by name, holds of a vision tower. Throws `BAD_NPZ`. */
export function readBigVision(arrays: ReadonlyMap<string, NpzArray>): BigVision {
  const kernel = [...arrays.keys()].find((name) => /(^|\/)img\/embedding\/kernel$/.test(name))
  const lone = ['params/embedding/kernel', 'embedding/kernel'].find((name) => arrays.has(name))
  const prefix = (kernel ?? lone)?.slice(0, -'embedding/kernel'.length)
  if (prefix === undefined) {
    const first = [...arrays.keys()].slice(0, 5).join(', ')
    throw badNpz(`it has no img/embedding/kernel of big_vision's SigLIP; its ${arrays.size} arrays begin with ${first}`)
  }
  const root = prefix.replace(/img\/$/, '')
  const moves = [...arrays].flatMap(([name, array]) => {
    if (name.startsWith(prefix)) return moveOf(name.slice(prefix.length), array) ?? []
    const zeroShot = { [`${root}t`]: 'logit_scale', [`${root}b`]: 'logit_bias' }[name]
    return zeroShot === undefined ? [] : [asIs(array, [zeroShot], [1])]
  })
  const query = [...arrays].find(([name]) => name.startsWith(prefix) && name.endsWith('/query/kernel'))?.[1]
  return {
    moves,
    heads: query?.shape.at(-2),
    vocabulary: arrays.get(`${root}txt/Embed_0/embedding`)?.shape[0],
    skipped: arrays.size - moves.length,
  }
}

function moveOf(name: string, array: NpzArray): Move | null {
  if (name === 'pos_embedding') {
    const width = array.shape.at(-1) ?? 1
    return asIs(array, ['embeddings.position_embedding.weight'], [elements(array.shape) / width, width])
  }
  if (name === 'MAPHead_0/probe') return asIs(array, ['head.probe'], [1, elements(array.shape)])
  const [, group = '', kind = ''] = /^(.*)\/(kernel|scale|bias)$/.exec(name) ?? []
  const suffix = kind === 'bias' ? 'bias' : 'weight'
  const outside = Object.hasOwn(OUTSIDE, group) ? OUTSIDE[group] : undefined
  if (outside !== undefined) return mapped(array, [`${outside}.${suffix}`], kind, array.shape)
  const [, place = '', index, inner = ''] = /^(Transformer\/encoderblock(?:_(\d+))?|MAPHead_0)\/(.*)$/.exec(group) ?? []
  const stems = GROUPS.find(([of]) => of === inner)
  if (!stems) return null
  if (place === 'MAPHead_0') return stems[2] && mapped(array, [`head.${stems[2]}.${suffix}`], kind, array.shape, inner)
  const inBlock = (i: number) => `encoder.layers.${i}.${stems[1]}.${suffix}`
  if (index !== undefined) return mapped(array, [inBlock(Number(index))], kind, array.shape, inner)
  const [blocks = 0, ...shape] = array.shape
  return mapped(
    array,
    Array.from({ length: blocks }, (_, i) => inBlock(i)),
    kind,
    shape,
    inner,
  )
}

/** `shape`: of one slice. Kernels are turned to [out, in], of patches to [out, channel, row, column]. */
function mapped(array: NpzArray, to: readonly string[], kind: string, shape: readonly number[], inner = ''): Move {
  if (kind !== 'kernel') return asIs(array, to, [elements(shape)])
  const [rows = 1, columns = 1, channels = 1, out = 1] = shape
  if (shape.length === 4) return { array, to, from: shape, axes: [3, 2, 0, 1], shape: [out, channels, rows, columns] }
  // [in, out], or in [C, H, D] or out [H, D, C] of attention.
  const ins = inner.endsWith('/out') ? elements(shape.slice(0, -1)) : rows
  const outs = elements(shape) / ins
  return { array, to, from: [ins, outs], axes: [1, 0], shape: [outs, ins] }
}

function asIs(array: NpzArray, to: readonly string[], shape: readonly number[]): Move {
  return { array, to, from: [elements(shape)], axes: [0], shape }
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}
