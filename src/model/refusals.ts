/** Why a checkpoint cannot be run, in words: of its own file, as hardly any load needs it. */
import { SovitError } from '../errors.js'
import { fits, isWeight, type Checked } from './check.js'
import { badConfig, HEAD_SIZE, mismatch, type TensorShape, type VisionConfig } from './config.js'
import { LAYOUT_NAMES, layoutOf, PATCH_WEIGHT, TIMM_PATCH_WEIGHT, type ExpectedTensor, type Layout } from './layouts.js'

/** No layout, or none of those in `found`, is the checkpoint's. */
export function noLayout(names: readonly string[], asked: string, found: readonly Layout[]): SovitError {
  if (asked !== 'auto' && !LAYOUT_NAMES.some((name) => name === asked)) {
    return new SovitError('BAD_OPTION', `There is no layout "${asked}". Choose auto, ${LAYOUT_NAMES.join(', ')}.`)
  }
  if (found.length > 0) {
    const all = found.map(({ layout }) => layout).join(', ')
    const what = `The checkpoint has several vision towers: ${all}`
    return new SovitError('UNKNOWN_LAYOUT', `${what}. Choose one with \`layout\`.`)
  }
  const first = names.slice(0, 5).map((name) => JSON.stringify(name))
  const has = names.length === 0 ? 'it has no tensors' : `its ${names.length} tensors begin with ${first.join(', ')}`
  const prefixes = new Set(LAYOUT_NAMES.map((layout) => layoutOf(layout).prefix))
  const behind = [...prefixes].filter((prefix) => prefix !== '').join(' ')
  const any = `${PATCH_WEIGHT} or ${TIMM_PATCH_WEIGHT}, alone or behind one of ${behind}`
  const expected = asked === 'auto' ? any : `names of the layout ${asked}`
  const what = `No known vision tower is in the checkpoint: ${has}. Expected ${expected}.`
  return new SovitError('UNKNOWN_LAYOUT', what)
}

/** What is wrong with a network that does not pass `checkNetwork`. */
export function unfit({ config, json, expected, tensors, nameOf }: Checked): SovitError {
  const { table, patch, embedding } = config
  if (json?.embedding && json.embedding !== embedding) {
    const says = `config.json is of ${json.modelType}, whose patch embedding is ${EMBEDDING[json.embedding]}`
    return mismatch(`${says}; that of the tensors is ${EMBEDDING[embedding]}`)
  }
  if (!Number.isInteger(table)) return badConfig(`the position table has ${round(table * table)} rows, not a square`)
  if (!Number.isInteger(patch)) {
    return badConfig(`a patch has ${round(3 * patch * patch)} values, not 3 for each pixel of a square`)
  }
  const problems = expected.filter((tensor) => !fits(tensor, tensors.get(tensor.name)))
  const [first, ...more] = problems
  if (!first) return badConfig(unsupported(config, json?.channels))
  const { code, what } = problemOf(first, tensors.get(first.name), nameOf(first.name))
  const others = more.length > 0 ? ` ${more.length} more tensors are missing or unfit.` : ''
  return new SovitError(code, `${what}${others} Check that it is the right checkpoint, and complete.`)
}

const EMBEDDING = { conv: 'a convolution', linear: 'a linear map of flat patches (NaFlex)' }

function round(n: number): string {
  return n.toFixed(0)
}

function unsupported({ width, heads, headSize, mlp, patch }: VisionConfig, channels = 3): string {
  if (!Number.isInteger(heads)) {
    return `width ${width} is no multiple of the head size ${HEAD_SIZE}; num_attention_heads must tell the heads`
  }
  if (!Number.isInteger(headSize)) return `width ${width} cannot be divided by ${heads} heads`
  if (headSize % 4 !== 0) return `the head size is ${headSize}, not a multiple of 4`
  if (mlp % 4 !== 0) return `the MLP width is ${mlp}, not a multiple of 4`
  if ((3 * patch * patch) % 4 !== 0) return `a patch has ${3 * patch * patch} values, not a multiple of 4`
  return `num_channels is ${channels}; pictures have 3 channels`
}

function problemOf({ name: canonical, shape }: ExpectedTensor, found: TensorShape | undefined, name: string) {
  const expected = `[${shape.join(', ')}]`
  if (!found) return { code: 'TENSOR_MISSING', what: `Tensor ${name} ${expected} is missing.` } as const
  if (!isWeight(canonical, found) && found.shape.join() === shape.join()) {
    return {
      code: 'TENSOR_DTYPE',
      what: `Tensor ${name} is ${found.dtype}; weights must be F32, F16 or BF16.`,
    } as const
  }
  const has = `[${found.shape.join(', ')}]`
  return { code: 'TENSOR_SHAPE', what: `Tensor ${name} has the shape ${has}, expected ${expected}.` } as const
}

/** A checkpoint's names lack one that was asked for. */
export function noTensor(name: string, names: readonly string[], checkpoint: string): SovitError {
  const near = nearest(name, names).map((other) => JSON.stringify(other))
  const among = `${checkpoint} has no tensor ${JSON.stringify(name)} among its ${names.length}`
  const message = near.length > 0 ? `${among}; the nearest are ${near.join(', ')}` : among
  return new SovitError('TENSOR_MISSING', `${message}. Check that it is the right checkpoint, and complete.`)
}

/** The three names that share most with `name` at both ends. */
function nearest(name: string, names: readonly string[]): string[] {
  const likeness = (other: string): number => {
    const most = Math.min(name.length, other.length)
    let head = 0
    while (head < most && name[head] === other[head]) head++
    let tail = 0
    while (tail < most - head && name.at(-1 - tail) === other.at(-1 - tail)) tail++
    return head + tail
  }
  return names
    .map((other) => ({ other, score: likeness(other) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, 3)
    .map(({ other }) => other)
}
