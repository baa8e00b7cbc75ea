import type { Operation, Parameter, Value } from './network.js'

interface Heads {
  readonly heads: number
  readonly headSize: number
}

/** Writes a network down, operation by operation. Weights and biases are named after the layer they belong to. */
export class NetworkBuilder {
  readonly operations: Operation[] = []

  emit(operation: Operation): Value {
    this.operations.push(operation)
    return operation.out
  }

  layerNorm(out: Value, x: Value, name: string, C: number, eps: number): Value {
    return this.emit({
      op: 'layer_norm',
      out,
      x,
      eps,
      weight: vector(`${name}.weight`, C),
      bias: vector(`${name}.bias`, C),
    })
  }

  linear(out: Value, x: Value, name: string, N: number, K: number): Value {
    return this.emit({ op: 'linear', out, x, weight: matrix(`${name}.weight`, N, K), bias: vector(`${name}.bias`, N) })
  }

  /** x + Attention(norm), heads of a picture's rows, or of a window's. */
  selfAttention(
    at: string,
    x: Value,
    norm: Value,
    name: string,
    { heads, headSize }: Heads,
    within: 'picture' | 'window' = 'picture',
  ): Value {
    const C = heads * headSize
    const q = this.linear(`${at}/q`, norm, `${name}.q_proj`, C, C)
    const k = this.linear(`${at}/k`, norm, `${name}.k_proj`, C, C)
    const v = this.linear(`${at}/v`, norm, `${name}.v_proj`, C, C)
    const attention = this.emit({ op: 'attention', out: `${at}/attention`, q, k, v, heads, headSize, within })
    const projected = this.linear(`${at}/out`, attention, `${name}.out_proj`, C, C)
    return this.emit({ op: 'add', out: `${at}/attended`, x, y: projected })
  }

  /** linear(GELU(linear(x))), by the names of both layers: K to F to N. */
  mlp(
    at: string,
    x: Value,
    layers: readonly [string, string],
    sizes: readonly [number, number, number],
    form: 'tanh' | 'erf',
  ): Value {
    const [K, F, N] = sizes
    const up = this.linear(`${at}/fc1`, x, layers[0], F, K)
    const activated = this.emit({ op: 'gelu', out: `${at}/gelu`, x: up, form })
    return this.linear(`${at}/fc2`, activated, layers[1], N, F)
  }
}

export function matrix(name: string, rows: number, columns: number): Parameter {
  return { name, shape: [rows, columns] }
}

function vector(name: string, size: number): Parameter {
  return { name, shape: [size] }
}
