import { SovitError } from '../errors.js'
import { attention, queryTile } from '../gpu/kernels/attention.js'
import { layerNorm } from '../gpu/kernels/layer-norm.js'
import { defaultTile, matmul } from '../gpu/kernels/matmul.js'
import { patchEmbed } from '../gpu/kernels/patch-embed.js'
import { ELEMENT_BYTES, type Kernel } from '../gpu/kernel.js'
import type { VisionConfig } from '../model/config.js'
import type { Network, Parameter, Value } from '../model/network.js'
import { assignSlots, type Arena, type Lifetime } from './arena.js'
import { fuse, stepInputs, type FusedStep } from './fuse.js'
import { columns } from './shapes.js'

/** How a weight lies on the GPU. */
export type WeightFormat = 'f32' | 'f16' | 'bf16'

/** One GPU buffer of weights: parameters stacked by rows, each converted to `format` where it is stored otherwise. */
export interface PlannedWeight {
  readonly label: string
  readonly format: WeightFormat
  readonly parts: readonly Parameter[]
  readonly elements: number
}

/** Buffers that change with the pictures: pixel values, patch table, attention tiles, sizes. */
export type RunBuffer = 'pixels' | 'patches' | 'tiles' | 'size'

export type Operand =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'weight'; readonly index: number }
  | { readonly kind: 'run'; readonly name: RunBuffer }

/** One dispatch: a kernel and what its bindings stand for, in their order. */
export interface Step {
  readonly label: string
  readonly kernel: Kernel
  readonly operands: readonly Operand[]
}

/** A network made ready for a device: dispatches, weights, and the arena in which its values live. */
export interface Plan {
  readonly steps: readonly Step[]
  readonly weights: readonly PlannedWeight[]
  readonly arena: Arena<Value>
  readonly output: Value
  /** Step after which each tapped value is complete, by the value's position in `network.taps`. */
  readonly taps: readonly { readonly value: Value; readonly step: number }[]
  /** C */
  readonly width: number
  /** Rows of queries that one attention workgroup takes. */
  readonly queryTile: number
}

export interface PlanChoices {
  readonly precision: 'f32' | 'f16'
  /** How the checkpoint stores a parameter. */
  readonly stored: (name: string) => WeightFormat
  /** A software rasteriser prefers other tiles than a GPU. */
  readonly software: boolean
}

/** Plans `network` for one device and checkpoint. */
export function planNetwork(network: Network, config: VisionConfig, choices: PlanChoices): Plan {
  columns(network) // checks that shapes fit together
  const fused = fuse(network)
  const planner = new StepPlanner(network, fused, config, choices)
  return {
    steps: fused.map((step) => planner.plan(step)),
    weights: planner.weights.list,
    arena: assignSlots(liveSpans(fused, network, (step) => columnsOf(step, config) * planner.bytesOf(step.out))),
    output: network.output,
    taps: network.taps.map((tap) => ({ value: tap, step: fused.findIndex(({ out }) => out === tap) })),
    width: config.width,
    queryTile: queryTile({ heads: config.heads, headSize: config.headSize, type: choices.precision }),
  }
}

/** Rows for which tiles are chosen: one picture at 448×448. More rows only fill the device better. */
const TYPICAL_ROWS = 1024

interface Specialised {
  readonly kernel: Kernel
  readonly operands: Readonly<Record<string, Operand>>
}

type Fused<K extends FusedStep['kind']> = Extract<FusedStep, { kind: K }>

/** Chooses a kernel for each fused step, and says what its bindings stand for. */
class StepPlanner {
  readonly weights: WeightList
  readonly #kernels = new KernelSet()
  readonly #config: VisionConfig
  readonly #choices: PlanChoices
  /** Values that are f32 in every precision. */
  readonly #wide: ReadonlySet<Value>

  constructor(network: Network, steps: readonly FusedStep[], config: VisionConfig, choices: PlanChoices) {
    this.weights = new WeightList(choices)
    this.#config = config
    this.#choices = choices
    this.#wide = new Set(steps.filter((step) => isWide(step, network)).map(({ out }) => out))
  }

  plan(step: FusedStep): Step {
    const { kernel, operands } = this.#specialise(step)
    const all = { ...operands, y: value(step.out), size: run('size') }
    return { label: step.out, kernel: this.#kernels.share(kernel), operands: bind(kernel, all) }
  }

  bytesOf(out: Value): number {
    return ELEMENT_BYTES[this.#typeOf(out)]
  }

  #typeOf(out: Value): 'f32' | 'f16' {
    return this.#wide.has(out) ? 'f32' : this.#choices.precision
  }

  #specialise(step: FusedStep): Specialised {
    switch (step.kind) {
      case 'patch_embed':
        return this.#patchEmbed(step)
      case 'layer_norm': {
        const kernel = layerNorm({ C: columnsOf(step, this.#config), eps: step.eps, output: this.#typeOf(step.out) })
        const weight = this.weights.vector([step.weight])
        return { kernel, operands: { x: value(step.x), weight, bias: this.weights.vector([step.bias]) } }
      }
      case 'matmul':
        return this.#matmul(step)
      case 'attention': {
        const { heads, headSize } = step
        const kernel = attention({ heads, headSize, type: this.#choices.precision })
        return { kernel, operands: { qkv: value(step.qkv), tiles: run('tiles') } }
      }
    }
  }

  #patchEmbed(step: Fused<'patch_embed'>): Specialised {
    const weight = this.weights.matrix([step.weight])
    const table = this.weights.matrix([step.table])
    const kernel = patchEmbed({
      patch: this.#config.patch,
      C: this.#config.width,
      S: this.#config.table,
      weight: this.weights.format(weight),
      table: this.weights.format(table),
    })
    const bias = this.weights.vector([step.bias])
    return { kernel, operands: { pixels: run('pixels'), patches: run('patches'), weight, bias, table } }
  }

  #matmul(step: Fused<'matmul'>): Specialised {
    const weight = this.weights.matrix(step.weights)
    const N = columnsOf(step, this.#config)
    const kernel = matmul({
      K: step.weights[0]?.shape[1] ?? 0,
      N,
      weight: this.weights.format(weight),
      input: this.#typeOf(step.x),
      output: this.#typeOf(step.out),
      epilogue: step.epilogue,
      tile: defaultTile(this.#choices, { P: TYPICAL_ROWS, N }),
    })
    const operands = { x: value(step.x), weight, bias: this.weights.vector(step.biases) }
    return { kernel, operands: step.residual === null ? operands : { ...operands, residual: value(step.residual) } }
  }
}

/** Columns of what a step writes. */
function columnsOf(step: FusedStep, config: VisionConfig): number {
  return step.kind === 'matmul' ? sum(step.weights.map(rows)) : config.width
}

/** The residual stream and the tokens are f32 in every precision; what feeds a product has the precision's type. */
function isWide(step: FusedStep, network: Network): boolean {
  const residual = step.kind === 'patch_embed' || (step.kind === 'matmul' && step.epilogue === 'residual')
  return residual || step.out === network.output
}

function liveSpans(
  steps: readonly FusedStep[],
  network: Network,
  bytesPerRow: (step: FusedStep) => number,
): Lifetime<Value>[] {
  return steps.map((step, from) => {
    const lastUse = steps.findLastIndex((user) => stepInputs(user).includes(step.out))
    const to = step.out === network.output ? steps.length : Math.max(from, lastUse)
    return { value: step.out, bytesPerRow: bytesPerRow(step), from, to }
  })
}

/** Collects the weights of a plan, and decides how each lies on the GPU. */
class WeightList {
  readonly list: PlannedWeight[] = []
  readonly #choices: PlanChoices

  constructor(choices: PlanChoices) {
    this.#choices = choices
  }

  /** f32 precision keeps the checkpoint's own form, which kernels unpack; parts of different forms meet in f32. */
  matrix(parts: readonly Parameter[]): Operand & { kind: 'weight' } {
    const [form, ...others] = new Set(parts.map(({ name }) => this.#choices.stored(name)))
    const own = form !== undefined && others.length === 0 ? form : 'f32'
    return this.#add(parts, this.#choices.precision === 'f16' ? 'f16' : own)
  }

  /** Biases and norms are f32 in every precision: a thousandth of the bytes. */
  vector(parts: readonly Parameter[]): Operand & { kind: 'weight' } {
    return this.#add(parts, 'f32')
  }

  format(operand: Operand & { kind: 'weight' }): WeightFormat {
    return this.list[operand.index]?.format ?? 'f32'
  }

  #add(parts: readonly Parameter[], format: WeightFormat): Operand & { kind: 'weight' } {
    const label = parts.map(({ name }) => name).join(' + ')
    const elements = sum(parts.map(({ shape }) => shape.reduce((product, size) => product * size, 1)))
    return { kind: 'weight', index: this.list.push({ label, format, parts, elements }) - 1 }
  }
}

/** Equal kernels become one, so that each is compiled once for all blocks. */
class KernelSet {
  readonly #kernels: Kernel[] = []

  share(kernel: Kernel): Kernel {
    const same = this.#kernels.find(
      (other) =>
        other.code === kernel.code && equal(other.constants, kernel.constants) && equal(other.dims, kernel.dims),
    )
    if (!same) this.#kernels.push(kernel)
    return same ?? kernel
  }
}

function equal(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}

function bind(kernel: Kernel, operands: Readonly<Record<string, Operand>>): readonly Operand[] {
  return kernel.bindings.map(({ name }) => {
    const operand = operands[name]
    if (!operand) throw new SovitError('SHADER', `Kernel '${kernel.name}' binds '${name}', which its step lacks.`)
    return operand
  })
}

function run(name: RunBuffer): Operand {
  return { kind: 'run', name }
}

function value(name: Value): Operand {
  return { kind: 'value', value: name }
}

function rows(parameter: Parameter): number {
  return parameter.shape[0] ?? 0
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
