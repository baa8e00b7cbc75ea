import type { VisionJson } from './config-json.js'
import type { TensorShape, Tensors, VisionConfig } from './config.js'
import { isBlockMatrix, scaleName, type ExpectedTensor } from './layouts.js'

/** A network, and the tensors that it needs and has. */
export interface Checked {
  readonly config: VisionConfig
  readonly json: VisionJson | null
  readonly expected: readonly ExpectedTensor[]
  /** By canonical name. */
  readonly tensors: Tensors
  /** The checkpoint's own name of a canonical one. */
  readonly nameOf: (canonical: string) => string
}

/**
 * Checks that the kernels can run a network, and that all of its tensors are there, in their shapes and in dtypes that
 * can be weights. Throws `BAD_CONFIG`, `CONFIG_MISMATCH`, `TENSOR_MISSING`, `TENSOR_SHAPE` or `TENSOR_DTYPE` for the first that is not so.
 */
export async function checkNetwork(checked: Checked): Promise<void> {
  const { config, json, expected, tensors } = checked
  const { heads, headSize, mlp, patch, table, embedding } = config
  // Whole heads, and vectors of 4 along every summed axis.
  const whole = [table, patch, heads, headSize / 4, mlp / 4, (3 * patch * patch) / 4].every(Number.isInteger)
  const said = (json?.channels ?? 3) === 3 && (json?.embedding ?? embedding) === embedding
  if (whole && said && expected.every((tensor) => fits(tensor, tensors.get(tensor.name)))) return
  // A file of its own: words that hardly any load needs.
  throw (await import('./refusals.js')).unfit(checked)
}

/** Whether a tensor is what is expected: there, of this shape, and a weight. */
export function fits({ name, shape }: ExpectedTensor, found: TensorShape | undefined): boolean {
  return found?.shape.join() === shape.join() && isWeight(name, found)
}

export function isWeight(name: string, found: TensorShape): boolean {
  return ['F32', 'F16', 'BF16'].includes(found.dtype) || isInt8(name, found)
}

/** The tensors of a network as a checkpoint stores them: scales follow the matrices of int8. */
export function storedTensors(expected: readonly ExpectedTensor[], tensors: Tensors): ExpectedTensor[] {
  return expected.flatMap((tensor) => {
    const { name, shape } = tensor
    return isInt8(name, tensors.get(name)) ? [tensor, { name: scaleName(name), shape: shape.slice(0, 1) }] : [tensor]
  })
}

function isInt8(name: string, found: TensorShape | undefined): boolean {
  return found?.dtype === 'I8' && isBlockMatrix(name)
}
