import { data, float, integer, message, nested, text, type Bytes } from './protobuf.js'

/** Element types by their number in onnx.proto3. */
const ELEMENTS = { f32: 1, f16: 10, i64: 7 } as const
const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 } as const

export type Element = keyof typeof ELEMENTS
type Attribute = number | string | readonly number[] | { readonly float: number }

/** Collects nodes and weights of an ONNX graph (github.com/onnx/onnx, onnx.proto3) and writes the model. */
export class OnnxGraph {
  readonly #nodes: Bytes[] = []
  readonly #weights: Bytes[] = []
  readonly #inputs: Bytes[] = []
  readonly #outputs: Bytes[] = []
  #names = 0

  /** Adds a node of one output; returns the output's name. `domain` is '' for ONNX's own operators. */
  node(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): string {
    const output = `${type}_${this.#names++}`
    this.#nodes.push(
      nested(
        1,
        message(
          ...inputs.map((name) => text(1, name)),
          text(2, output),
          text(3, output),
          text(4, type),
          ...Object.entries(attributes).map(([name, value]) => nested(5, attribute(name, value))),
          text(7, domain),
        ),
      ),
    )
    return output
  }

  /** Adds a constant; returns its name. */
  weight(element: Element, shape: readonly number[], values: ArrayBufferView): string {
    const name = `weight_${this.#names++}`
    const dims = shape.map((n) => integer(1, n))
    const tensor = message(...dims, integer(2, ELEMENTS[element]), text(8, name), data(9, values))
    this.#weights.push(nested(5, tensor))
    return name
  }

  input(name: string, element: Element, shape: readonly number[]): string {
    this.#inputs.push(nested(11, valueInfo(name, element, shape)))
    return name
  }

  /** Names a value as an output of the graph. */
  output(name: string, value: string, element: Element, shape: readonly number[]): void {
    this.#nodes.push(nested(1, message(text(1, value), text(2, name), text(3, name), text(4, 'Identity'))))
    this.#outputs.push(nested(12, valueInfo(name, element, shape)))
  }

  /** The model, opset 20 with Microsoft's operators beside it. */
  model(): Bytes {
    const graph = message(...this.#nodes, text(2, 'sovit'), ...this.#weights, ...this.#inputs, ...this.#outputs)
    const opset = (domain: string, version: number) => nested(8, message(text(1, domain), integer(2, version)))
    return message(integer(1, 9), nested(7, graph), opset('', 20), opset('com.microsoft', 1))
  }
}

function attribute(name: string, value: Attribute): Bytes {
  if (typeof value === 'number') return message(text(1, name), integer(3, value), integer(20, ATTRIBUTE.int))
  if (typeof value === 'string') return message(text(1, name), text(4, value), integer(20, ATTRIBUTE.string))
  if ('float' in value) return message(text(1, name), float(2, value.float), integer(20, ATTRIBUTE.float))
  return message(text(1, name), ...value.map((n) => integer(8, n)), integer(20, ATTRIBUTE.ints))
}

function valueInfo(name: string, element: Element, shape: readonly number[]): Bytes {
  const dims = shape.map((n) => nested(1, integer(1, n)))
  const tensor = message(integer(1, ELEMENTS[element]), nested(2, message(...dims)))
  return message(text(1, name), nested(2, nested(1, tensor)))
}
