import { SovitError } from '../errors.js'
import { PATCHES, type Network, type Operation, type Parameter, type Rows, type Value } from '../model/network.js'

/** Rows and columns of a value. */
export interface Shape {
  readonly rows: Rows
  readonly columns: number
}

/**
 * The shape of every value, by the shape rule of the operation that makes it.
 * Throws when an operation's inputs and parameters do not fit together.
 */
export function shapes(network: Network): ReadonlyMap<Value, Shape> {
  const known = new Map<Value, Shape>()
  const of = (value: Value): Shape => {
    const found = known.get(value)
    if (found === undefined) throw new SovitError('BAD_CONFIG', `'${value}' is used before it is made.`)
    return found
  }
  for (const operation of network.operations) {
    if (known.has(operation.out)) throw new SovitError('BAD_CONFIG', `'${operation.out}' is made twice.`)
    known.set(operation.out, outputShape(operation, of))
  }
  return known
}

/** Rows of a batch of P patches and G groups. */
export function countRows({ per, times }: Rows, P: number, G: number): number {
  return times * (per === 'patch' ? P : per === 'group' ? G : 1)
}

function outputShape(operation: Operation, of: (value: Value) => Shape): Shape {
  const must = (what: string, found: number | undefined, expected: number): void => {
    if (found === expected) return
    throw new SovitError('BAD_CONFIG', `${operation.out}: ${what} is ${found}, where ${expected} is needed.`)
  }
  switch (operation.op) {
    case 'patch_embed': {
      const C = first(operation.weight)
      must('the bias size', first(operation.bias), C)
      return { rows: PATCHES, columns: C }
    }
    case 'position': {
      const x = of(operation.x)
      must('the width of the position table', operation.table.shape[1], x.columns)
      return x
    }
    case 'interpolate':
      return { rows: PATCHES, columns: operation.table.shape[1] ?? 0 }
    case 'learned':
      return { rows: { per: 'once', times: first(operation.weight) }, columns: operation.weight.shape[1] ?? 0 }
    case 'layer_norm': {
      const x = of(operation.x)
      must('the weight size', first(operation.weight), x.columns)
      must('the bias size', first(operation.bias), x.columns)
      return x
    }
    case 'linear': {
      const { rows, columns } = of(operation.x)
      const N = first(operation.weight)
      must('the input width of the weight', operation.weight.shape[1], columns)
      if (operation.bias) must('the bias size', first(operation.bias), N)
      return { rows, columns: N }
    }
    case 'attention':
    case 'cross_attention': {
      const columns = operation.heads * operation.headSize
      for (const value of [operation.q, operation.k, operation.v]) {
        must(`the width of '${value}'`, of(value).columns, columns)
      }
      const { rows } = of(operation.q)
      return operation.op === 'attention' ? { rows, columns } : { rows: { ...rows, per: 'group' }, columns }
    }
    case 'gelu':
    case 'sincos':
    case 'windows':
      return of(operation.x)
    case 'add': {
      const x = of(operation.x)
      must(`the width of '${operation.y}'`, of(operation.y).columns, x.columns)
      return x
    }
    case 'merge':
    case 'mean': {
      const { rows, columns } = of(operation.x)
      return { rows: { ...rows, times: rows.times / 4 }, columns: operation.op === 'merge' ? 4 * columns : columns }
    }
  }
}

function first(parameter: Parameter): number {
  return parameter.shape[0] ?? 0
}
