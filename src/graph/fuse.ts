import { SovitError } from '../errors.js'
import { inputs, type Network, type Operation, type Parameter, type Value } from '../model/network.js'

type Of<K extends Operation['op']> = Extract<Operation, { op: K }>

/** What one dispatch does: an operation as it is, or several fused into one. */
export type FusedStep =
  | {
      readonly kind: 'patch_embed'
      readonly out: Value
      readonly weight: Parameter
      readonly bias: Parameter
      /** A row for each position of the table, or (a value) for each patch. */
      readonly positions: Parameter | Value
    }
  | {
      readonly kind: 'matmul'
      readonly out: Value
      readonly x: Value
      /** Stacked by rows: q, k and v are one matrix. */
      readonly weights: readonly Parameter[]
      readonly biases: readonly (Parameter | null)[]
      readonly epilogue: 'bias' | 'gelu_tanh' | 'gelu_erf' | 'residual'
      /** Of the epilogue `residual` alone. */
      readonly residual: Value | null
    }
  | {
      readonly kind: 'attention'
      readonly out: Value
      readonly qkv: Value
      readonly heads: number
      readonly headSize: number
      readonly within: 'picture' | 'window'
    }
  | As<'layer_norm'>
  | HeadStep

/** What only heads and stretched positions need. */
export type HeadStep = As<'cross_attention'> | As<'interpolate'> | As<'sincos'> | As<'windows'> | As<'mean'>

/** An operation with a dispatch of its own. */
type As<K extends Operation['op']> = Of<K> & { readonly kind: K }

/**
 * Fuses what one kernel can do at once: positions into the patch embedding; q, k and v into one product; GELU and
 * residual into the product before them. Seven dispatches a block remain: norm, qkv, attention, out + residual, norm,
 * fc1 + GELU, fc2 + residual. What is learned or lies side by side anyway (`learned`, `merge`) needs none.
 */
export function fuse(network: Network): readonly FusedStep[] {
  const makers = new Map(network.operations.map((operation) => [operation.out, operation]))
  const uses = new Map<Value, number>()
  const outputs = network.outputs.map(({ value }) => value)
  for (const value of [...network.operations.flatMap(inputs), ...outputs, ...network.taps]) {
    uses.set(value, (uses.get(value) ?? 0) + 1)
  }
  const absorbed = new Set(network.operations.flatMap(absorbs))

  /** The operation that makes `value`, when it is of kind `op` and nobody else uses the value. */
  const sole = <K extends Operation['op']>(value: Value, op: K): Of<K> => {
    const maker = makers.get(value)
    if (maker?.op !== op || uses.get(value) !== 1) {
      throw new SovitError('BAD_CONFIG', `'${value}' must be made by a ${op}, for one use.`)
    }
    return maker as Of<K>
  }

  return network.operations.flatMap((operation): FusedStep[] => {
    switch (operation.op) {
      case 'patch_embed': // computed by the step that adds positions
      case 'learned':
      case 'merge':
        return []
      case 'linear':
        return absorbed.has(operation.out) ? [] : [product(operation.out, [operation])]
      case 'position': {
        const { weight, bias } = sole(operation.x, 'patch_embed')
        return [{ kind: 'patch_embed', out: operation.out, weight, bias, positions: operation.table }]
      }
      case 'attention': {
        const parts = [operation.q, operation.k, operation.v].map((value) => sole(value, 'linear'))
        const qkv = product(`${operation.out}/qkv`, parts)
        const { out, heads, headSize, within } = operation
        return [qkv, { kind: 'attention', out, qkv: qkv.out, heads, headSize, within }]
      }
      case 'gelu': {
        const epilogue = operation.form === 'tanh' ? 'gelu_tanh' : 'gelu_erf'
        return [{ ...product(operation.out, [sole(operation.x, 'linear')]), epilogue }]
      }
      case 'add': {
        const { out, x, y } = operation
        if (makers.get(y)?.op === 'interpolate') {
          const { weight, bias } = sole(x, 'patch_embed')
          return [{ kind: 'patch_embed', out, weight, bias, positions: y }]
        }
        return [{ ...product(out, [sole(y, 'linear')]), epilogue: 'residual', residual: x }]
      }
      default:
        // The compiler does not see that the kind of what is left is its own op.
        return [{ ...operation, kind: operation.op } as FusedStep]
    }
  })
}

/** Values that the step of an operation computes itself. */
function absorbs(operation: Operation): readonly Value[] {
  if (operation.op === 'attention') return [operation.q, operation.k, operation.v]
  return operation.op === 'gelu' ? [operation.x] : operation.op === 'add' ? [operation.y] : []
}

function product(out: Value, parts: readonly Of<'linear'>[]) {
  const x = parts[0]?.x
  if (x === undefined || parts.some((part) => part.x !== x)) {
    throw new SovitError('BAD_CONFIG', `'${out}' stacks products of different inputs.`)
  }
  const weights = parts.map(({ weight }) => weight)
  const biases = parts.map(({ bias }) => bias)
  return { kind: 'matmul', out, x, weights, biases, epilogue: 'bias', residual: null } as const
}

/** The values that a step reads. */
export function stepInputs(step: FusedStep): readonly Value[] {
  switch (step.kind) {
    case 'patch_embed':
      return typeof step.positions === 'string' ? [step.positions] : []
    case 'matmul':
      return step.residual === null ? [step.x] : [step.x, step.residual]
    case 'attention':
      return [step.qkv]
    default:
      return inputs(step)
  }
}
