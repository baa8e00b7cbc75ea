import type { SyntheticTower } from '../../../src/bench/synthetic.js'
import type { VisionConfig } from '../../../src/model/config.js'
import { numberToF16 } from '../../support/numbers.js'
import { OnnxGraph } from './graph.js'
import type { Bytes } from './protobuf.js'

/** How attention is written: one operator of Microsoft's, or the products, softmax and transposes of a plain export. */
export type AttentionForm = 'fused' | 'plain'

export interface OnnxTowerSpec {
  readonly config: VisionConfig
  readonly tower: SyntheticTower
  readonly element: 'f32' | 'f16'
  readonly attention: AttentionForm
  /** Row of the position table of each token; their number is P. */
  readonly positions: Uint32Array
}

/**
 * The tower as ONNX: `rows` [1,P,3p²] (patches cut out on the host) in; `tokens` [1,P,C] out, and `hidden`, the residual
 * stream before the last norm, for comparing.
 */
export function onnxTower(spec: OnnxTowerSpec): Bytes {
  const { config, element, positions } = spec
  const { layers, width: C, patch } = config
  const P = positions.length
  const graph = new OnnxGraph()
  const network = new Network(graph, spec)
  const rows = graph.input('rows', element, [1, P, 3 * patch * patch])
  let x = network.linear(rows, 'embeddings.patch_embedding')
  x = graph.node('Add', [x, network.positions()])
  for (let l = 0; l < layers; l++) x = network.block(x, `encoder.layers.${l}`)
  graph.output('hidden', x, element, [1, P, C])
  graph.output('tokens', network.norm(x, 'post_layernorm'), element, [1, P, C])
  return graph.model()
}

class Network {
  readonly #graph: OnnxGraph
  readonly #spec: OnnxTowerSpec

  constructor(graph: OnnxGraph, spec: OnnxTowerSpec) {
    this.#graph = graph
    this.#spec = spec
  }

  block(x: string, name: string): string {
    const attended = this.#attention(this.norm(x, `${name}.layer_norm1`), `${name}.self_attn`)
    const middle = this.#graph.node('Add', [x, this.linear(attended, `${name}.self_attn.out_proj`)])
    const up = this.linear(this.norm(middle, `${name}.layer_norm2`), `${name}.mlp.fc1`)
    const active = this.#graph.node('Gelu', [up], { approximate: 'tanh' })
    return this.#graph.node('Add', [middle, this.linear(active, `${name}.mlp.fc2`)])
  }

  norm(x: string, name: string): string {
    const { eps } = this.#spec.config
    const inputs = [x, this.#vector(`${name}.weight`), this.#vector(`${name}.bias`)]
    return this.#graph.node('LayerNormalization', inputs, { axis: 2, epsilon: { float: eps } })
  }

  linear(x: string, name: string): string {
    const product = this.#graph.node('MatMul', [x, this.#transposed(`${name}.weight`)])
    return this.#graph.node('Add', [product, this.#vector(`${name}.bias`)])
  }

  positions(): string {
    const { positions, config } = this.#spec
    const table = this.#numbers('embeddings.position_embedding.weight')
    const C = config.width
    const rows = new Float32Array(positions.length * C)
    positions.forEach((row, i) => rows.set(table.subarray(row * C, (row + 1) * C), i * C))
    return this.#weight([1, positions.length, C], rows)
  }

  #attention(x: string, name: string): string {
    const [q, k, v] = ['q', 'k', 'v'].map((part) => this.linear(x, `${name}.${part}_proj`))
    if (q === undefined || k === undefined || v === undefined) throw new Error('three projections')
    const { heads } = this.#spec.config
    if (this.#spec.attention === 'plain') return this.#plainAttention(q, k, v)
    return this.#graph.node('MultiHeadAttention', [q, k, v], { num_heads: heads }, 'com.microsoft')
  }

  #plainAttention(q: string, k: string, v: string): string {
    const graph = this.#graph
    const { heads, headSize, width } = this.#spec.config
    const P = this.#spec.positions.length
    const shape = (...dims: number[]) => graph.weight('i64', [dims.length], BigInt64Array.from(dims.map(BigInt)))
    const apart = (x: string, perm: number[]) =>
      graph.node('Transpose', [graph.node('Reshape', [x, shape(1, P, heads, headSize)])], { perm })
    const scores = graph.node('MatMul', [apart(q, [0, 2, 1, 3]), apart(k, [0, 2, 3, 1])])
    const scaled = graph.node('Mul', [scores, this.#weight([1], Float32Array.of(1 / Math.sqrt(headSize)))])
    const mixed = graph.node('MatMul', [graph.node('Softmax', [scaled], { axis: 3 }), apart(v, [0, 2, 1, 3])])
    return graph.node('Reshape', [graph.node('Transpose', [mixed], { perm: [0, 2, 1, 3] }), shape(1, P, width)])
  }

  #vector(name: string): string {
    const values = this.#numbers(name)
    return this.#weight([values.length], values)
  }

  /** A weight [N,K] as MatMul wants it, [K,N]. */
  #transposed(name: string): string {
    const values = this.#numbers(name)
    const N = this.#spec.tower.get(name)?.shape[0] ?? 0
    const K = values.length / N
    const out = new Float32Array(values.length)
    for (let n = 0; n < N; n++) for (let k = 0; k < K; k++) out[k * N + n] = values[n * K + k] ?? NaN
    return this.#weight([K, N], out)
  }

  #numbers(name: string): Float32Array {
    return bf16Numbers(this.#spec.tower.get(name)?.data ?? new Uint16Array())
  }

  #weight(shape: readonly number[], values: Float32Array): string {
    const { element } = this.#spec
    return this.#graph.weight(element, shape, element === 'f16' ? Uint16Array.from(values, numberToF16) : values)
  }
}

/** bf16 values as float32, exactly. */
export function bf16Numbers(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length)
  for (let i = 0; i < halves.length; i++) bits[i] = (halves[i] ?? 0) << 16
  return new Float32Array(bits.buffer)
}
