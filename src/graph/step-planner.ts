import { SovitError } from '../errors.js'
import type { Alternatives } from '../gpu/catalog.js'
import { boundTo, ELEMENT_BYTES, type Kernel } from '../gpu/kernel.js'
import { BINDING_ALIGNMENT } from '../gpu/memory.js'
import type { Network, Value } from '../model/network.js'
import type { FusedStep } from './fuse.js'
import type { Operand, PlanChoices, Step } from './plan.js'
import type { Shape } from './shapes.js'
import { sameTable, type RunTable } from './tables.js'
import { WeightList, type WeightOperand } from './weights.js'

/** The kernels of a step, and what their bindings stand for. */
export interface Specialised {
  readonly alternatives: Alternatives
  /** By the names of the kernel's bindings; `y` and `size` are added. */
  readonly operands: Readonly<Record<string, Operand>>
}

type Fused<K extends FusedStep['kind']> = Extract<FusedStep, { kind: K }>

/** Chooses a kernel for each fused step, and says what its bindings stand for. */
export class StepPlanner {
  readonly weights: WeightList
  readonly tables: RunTable[] = []
  readonly #choices: PlanChoices
  readonly #shapes: ReadonlyMap<Value, Shape>
  /** Values that are f32 in every precision. */
  readonly #wide: ReadonlySet<Value>
  /** Values that are another one's rows side by side, or a weight. */
  readonly #merged = new Map<Value, Value>()
  readonly #learned = new Map<Value, WeightOperand>()

  constructor(network: Network, known: ReadonlyMap<Value, Shape>, steps: readonly FusedStep[], choices: PlanChoices) {
    this.weights = new WeightList(choices.precision, choices.stored)
    this.#choices = choices
    this.#shapes = new Map([...known, ...stacked(steps, known)])
    this.#wide = wideValues(network)
    for (const operation of network.operations) {
      if (operation.op === 'merge') this.#merged.set(operation.out, operation.x)
      if (operation.op === 'learned') this.#learned.set(operation.out, this.weights.vector([operation.weight]))
    }
  }

  /** One dispatch, or several where a weight is too large to be bound as a whole. */
  plan(step: FusedStep): Step[] {
    const { rows } = this.shapeOf(step.kind === 'cross_attention' ? step.k : step.out)
    return this.#specialise(step).map(({ alternatives, operands }) => {
      const [kernel] = alternatives
      const all = {
        y: this.value(step.out),
        size: this.table({ kind: 'size', rows, sizes: kernel.sizes }),
        ...operands,
      }
      return { label: step.out, kernel, alternatives, operands: boundTo(kernel, all), rows }
    })
  }

  shapeOf(value: Value): Shape {
    const shape = this.#shapes.get(value)
    if (!shape) throw new SovitError('BAD_CONFIG', `'${value}' has no shape.`)
    return shape
  }

  /** Element type of a value. The residual stream and all results are f32; what feeds a product has the precision's type. */
  typeOf(value: Value): 'f32' | 'f16' {
    return this.#wide.has(value) ? 'f32' : this.#choices.precision
  }

  /** The value in whose place another lies. */
  homeOf(value: Value): Value {
    return this.#merged.get(value) ?? value
  }

  #specialise(step: FusedStep): readonly Specialised[] {
    const { kernels, precision } = this.#choices
    switch (step.kind) {
      case 'patch_embed':
        return [this.#patchEmbed(step)]
      case 'layer_norm': {
        const { eps, out, weight, bias } = step
        const alternatives = kernels.layerNorm({ C: this.shapeOf(out).columns, eps, output: this.typeOf(out) })
        const own = { weight: this.weights.vector([weight]), bias: this.weights.vector([bias]) }
        return [{ alternatives, operands: { x: this.value(step.x), ...own } }]
      }
      case 'matmul':
        return this.#matmul(step)
      case 'attention': {
        const { heads, headSize, within, qkv } = step
        const alternatives = kernels.attention({ heads, headSize, type: precision })
        const tiles = this.table({ kind: 'tiles', rows: this.shapeOf(qkv).rows, within })
        return [{ alternatives, operands: { qkv: this.value(qkv), tiles } }]
      }
      default:
        if (!this.#choices.heads) throw new SovitError('SHADER', `'${step.out}' needs what plans heads.`)
        return [this.#choices.heads.planHead(step, this)]
    }
  }

  #patchEmbed(step: Fused<'patch_embed'>): Specialised {
    const { positions } = step
    const [C = 0, , patch = 0] = step.weight.shape
    const weight = this.weights.matrix([step.weight])
    const looked = typeof positions === 'string' ? null : this.weights.matrix([positions])
    const alternatives = this.#choices.kernels.patchEmbed({
      patch,
      C,
      S: typeof positions === 'string' ? null : Math.sqrt(positions.shape[0] ?? 0),
      weight: this.weights.format(weight),
      table: looked ? this.weights.format(looked) : 'f32',
    })
    const bias = this.weights.vector([step.bias])
    const table = looked ?? this.value(typeof positions === 'string' ? positions : step.out)
    const [pixels, patches] = [this.table({ kind: 'pixels' }), this.table({ kind: 'patches' })]
    return { alternatives, operands: { pixels, patches, weight, bias, table } }
  }

  #matmul(step: Fused<'matmul'>): readonly Specialised[] {
    const { x, out, epilogue, residual } = step
    const weight = this.weights.matrix(step.weights)
    const form = this.weights.format(weight)
    const bias = this.weights.biases(step.biases, step.weights, form)
    const K = step.weights[0]?.shape[1] ?? 0
    const stride = this.shapeOf(out).columns
    const input = this.#learned.has(x) ? 'f32' : this.typeOf(x)
    const output = this.typeOf(out)
    const rowBytes = K * ELEMENT_BYTES[form]
    // The scales of int8 lie behind all biases; no such matrix is that large.
    const most = form === 'i8' ? Infinity : this.#choices.bindingBytes
    return partsOf(stride, rowBytes, most).map(([first, N]) => {
      const spec = { K, N, weight: form, input, output, epilogue, stride }
      const part = <T extends Operand>(operand: T, elementBytes: number): T =>
        first === 0 ? operand : { ...operand, from: first * elementBytes }
      const own = {
        x: this.value(x),
        weight: N < stride ? { ...weight, from: first * rowBytes, size: N * rowBytes } : weight,
        bias: part(bias, 4),
        // Every product binds a residual; those without one do not read it.
        residual: part(residual === null ? bias : this.value(residual), 4),
        y: part(this.value(out), ELEMENT_BYTES[output]),
      }
      return { alternatives: this.#choices.kernels.matmul(spec), operands: own }
    })
  }

  only<S extends object>(make: (spec: S) => Kernel, spec: S): Alternatives {
    return this.#choices.kernels.of(make, spec)
  }

  /** Where a value lies: in the arena, or, what is learned, among the weights. */
  value(value: Value): Operand {
    return this.#learned.get(value) ?? { kind: 'value', value: this.homeOf(value) }
  }

  table(table: RunTable): Operand {
    const known = this.tables.findIndex((one) => sameTable(one, table))
    return { kind: 'table', index: known >= 0 ? known : this.tables.push(table) - 1 }
  }
}

/** Rows of a matrix by which its parts begin, so that columns of the result, f16 at least, can be bound there. */
const PART_ROWS = BINDING_ALIGNMENT / 2

/** [first row, rows] of the parts of a matrix of N rows that can each be bound. */
function partsOf(N: number, rowBytes: number, most = Infinity): readonly (readonly [number, number])[] {
  if (N * rowBytes <= most) return [[0, N]]
  const rows = Math.max(PART_ROWS, Math.floor(most / rowBytes / PART_ROWS) * PART_ROWS)
  return Array.from({ length: Math.ceil(N / rows) }, (_, i) => [i * rows, Math.min(rows, N - i * rows)])
}

/** The shapes of products that are stacked, which the network does not name. */
function stacked(steps: readonly FusedStep[], known: ReadonlyMap<Value, Shape>): [Value, Shape][] {
  return steps.flatMap((step): [Value, Shape][] => {
    const x = step.kind === 'matmul' ? known.get(step.x) : undefined
    if (step.kind !== 'matmul' || !x || known.has(step.out)) return []
    return [[step.out, { rows: x.rows, columns: step.weights.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0) }]]
  })
}

/** What is f32 in every precision: results, and whatever norms, means and sums of the residual stream read. */
function wideValues({ operations, outputs, taps }: Network): Set<Value> {
  const read = operations.flatMap((operation): Value[] => {
    switch (operation.op) {
      case 'layer_norm':
      case 'mean':
        return [operation.x]
      case 'add':
      case 'windows':
      case 'merge':
        return [operation.x, operation.out]
      case 'position':
      case 'interpolate':
        return [operation.out]
      default:
        return []
    }
  })
  return new Set([...outputs.map(({ value }) => value), ...taps, ...read])
}
