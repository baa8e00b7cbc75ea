import { SovitError } from '../errors.js'
import { inputs, type Network, type Operation, type Parameter, type Value } from '../model/network.js'

/** What one dispatch does: an operation, or several fused into one. */
export type FusedStep =
  | {
      readonly kind: 'patch_embed'
      readonly out: Value
      readonly weight: Parameter
      readonly bias: Parameter
      readonly table: Parameter
    }
  | {
      readonly kind: 'layer_norm'
      readonly out: Value
      readonly x: Value
      readonly weight: Parameter
      readonly bias: Parameter
      readonly eps: number
    }
  | {
      readonly kind: 'matmul'
      readonly out: Value
      readonly x: Value
      /** Stacked by rows: q, k and v are one matrix. */
      readonly weights: readonly Parameter[]
      readonly biases: readonly Parameter[]
      readonly epilogue: 'bias' | 'gelu_tanh' | 'gelu_erf'
      readonly residual: null
    }
  | {
      readonly kind: 'matmul'
      readonly out: Value
      readonly x: Value
      readonly weights: readonly Parameter[]
      readonly biases: readonly Parameter[]
      readonly epilogue: 'residual'
      readonly residual: Value
    }
  | {
      readonly kind: 'attention'
      readonly out: Value
      readonly qkv: Value
      readonly heads: number
      readonly headSize: number
    }

type Of<K extends Operation['op']> = Extract<Operation, { op: K }>

/**
 * Fuses what one kernel can do at once: positions into the patch embedding; q, k and v into one product; GELU and
 * residual into the product before them. Seven dispatches a block remain: norm, qkv, attention, out + residual, norm,
 * fc1 + GELU, fc2 + residual.
 */
export function fuse(network: Network): readonly FusedStep[] {
  const makers = new Map(network.operations.map((operation) => [operation.out, operation]))
  const uses = new Map<Value, number>()
  for (const value of [...network.operations.flatMap(inputs), network.output, ...network.taps]) {
    uses.set(value, (uses.get(value) ?? 0) + 1)
  }

  /** The operation that makes `value`, when it is of kind `op` and nobody else uses the value. */
  const sole = <K extends Operation['op']>(value: Value, op: K): Of<K> => {
    const maker = makers.get(value)
    if (maker?.op !== op || uses.get(value) !== 1) {
      throw new SovitError('BAD_CONFIG', `'${value}' must be made by a ${op} for one use; no kernel does it otherwise.`)
    }
    return maker as Of<K>
  }

  return network.operations.flatMap((operation): FusedStep[] => {
    switch (operation.op) {
      case 'patch_embed':
      case 'linear':
        return [] // computed by the step that uses it
      case 'position': {
        const { weight, bias } = sole(operation.x, 'patch_embed')
        return [{ kind: 'patch_embed', out: operation.out, weight, bias, table: operation.table }]
      }
      case 'layer_norm': {
        const { out, x, weight, bias, eps } = operation
        return [{ kind: 'layer_norm', out, x, weight, bias, eps }]
      }
      case 'attention': {
        const parts = [operation.q, operation.k, operation.v].map((value) => sole(value, 'linear'))
        const product = stack(`${operation.out}/qkv`, parts)
        const { out, heads, headSize } = operation
        return [product, { kind: 'attention', out, qkv: product.out, heads, headSize }]
      }
      case 'gelu': {
        const product = stack(operation.out, [sole(operation.x, 'linear')])
        return [{ ...product, epilogue: operation.form === 'tanh' ? 'gelu_tanh' : 'gelu_erf' }]
      }
      case 'add': {
        const product = stack(operation.out, [sole(operation.y, 'linear')])
        return [{ ...product, epilogue: 'residual', residual: operation.x }]
      }
    }
  })
}

function stack(out: Value, parts: readonly Of<'linear'>[]) {
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
      return []
    case 'layer_norm':
      return [step.x]
    case 'matmul':
      return step.residual === null ? [step.x] : [step.x, step.residual]
    case 'attention':
      return [step.qkv]
  }
}
