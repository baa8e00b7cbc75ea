import { SovitError } from '../errors.js'
import type { Network, Operation, Parameter, Value } from '../model/network.js'

/**
 * Columns of every value (all values have P rows), by the shape rule of the operation that makes it.
 * Throws when an operation's inputs and parameters do not fit together.
 */
export function columns(network: Network): ReadonlyMap<Value, number> {
  const known = new Map<Value, number>()
  const of = (value: Value): number => {
    const found = known.get(value)
    if (found === undefined) throw new SovitError('BAD_CONFIG', `'${value}' is used before it is made.`)
    return found
  }
  for (const operation of network.operations) {
    if (known.has(operation.out)) throw new SovitError('BAD_CONFIG', `'${operation.out}' is made twice.`)
    known.set(operation.out, outputColumns(operation, of))
  }
  return known
}

function outputColumns(operation: Operation, of: (value: Value) => number): number {
  const must = (what: string, found: number | undefined, expected: number): void => {
    if (found === expected) return
    throw new SovitError('BAD_CONFIG', `${operation.out}: ${what} is ${found}, where ${expected} is needed.`)
  }
  switch (operation.op) {
    case 'patch_embed': {
      const C = first(operation.weight)
      must('the bias size', first(operation.bias), C)
      return C
    }
    case 'position': {
      const C = of(operation.x)
      must('the width of the position table', operation.table.shape[1], C)
      return C
    }
    case 'layer_norm': {
      const C = of(operation.x)
      must('the weight size', first(operation.weight), C)
      must('the bias size', first(operation.bias), C)
      return C
    }
    case 'linear': {
      const N = first(operation.weight)
      must('the input width of the weight', operation.weight.shape[1], of(operation.x))
      must('the bias size', first(operation.bias), N)
      return N
    }
    case 'attention': {
      const C = operation.heads * operation.headSize
      for (const value of [operation.q, operation.k, operation.v]) must(`the width of '${value}'`, of(value), C)
      return C
    }
    case 'gelu':
      return of(operation.x)
    case 'add':
      must(`the width of '${operation.y}'`, of(operation.y), of(operation.x))
      return of(operation.x)
  }
}

function first(parameter: Parameter): number {
  return parameter.shape[0] ?? 0
}
