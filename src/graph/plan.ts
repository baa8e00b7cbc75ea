import { SovitError } from '../errors.js'
import type { Alternatives, KernelCatalog } from '../gpu/catalog.js'
import { ELEMENT_BYTES, type Kernel } from '../gpu/kernel.js'
import type { VisionConfig } from '../model/config.js'
import { scaleName } from '../model/layouts.js'
import type { Network, Parameter, Value } from '../model/network.js'
import { assignSlots, type Arena, type Lifetime } from './arena.js'
import { fuse, stepInputs, type FusedStep } from './fuse.js'
import { columns } from './shapes.js'

/** How a weight lies on the GPU. */
export type WeightFormat = 'f32' | 'f16' | 'bf16' | 'i8'

/** One binding of weights: parameters stacked by rows, each converted to `format` where it is stored otherwise. */
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
  /** One of the alternatives: the first, unless another was chosen. All bind the same. */
  readonly kernel: Kernel
  readonly alternatives: Alternatives
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
}

export interface PlanChoices {
  readonly precision: 'f32' | 'f16'
  /** How the checkpoint stores a parameter. */
  readonly stored: (name: string) => WeightFormat
  readonly kernels: KernelCatalog
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
  }
}

/** The plan with other kernels; `choices` are found by the first of their alternatives. */
export function withKernels(plan: Plan, choices: ReadonlyMap<Kernel, Kernel>): Plan {
  const steps = plan.steps.map((step) => ({ ...step, kernel: choices.get(step.alternatives[0]) ?? step.kernel }))
  return { ...plan, steps }
}

/** Query rows of one attention workgroup, by which the work list of a batch is cut. */
export function queryTile({ steps }: Plan): number {
  return steps.find(({ kernel }) => kernel.queryTile !== undefined)?.kernel.queryTile ?? 1
}

interface Specialised {
  readonly alternatives: Alternatives
  readonly operands: Readonly<Record<string, Operand>>
}

type Fused<K extends FusedStep['kind']> = Extract<FusedStep, { kind: K }>

/** Chooses a kernel for each fused step, and says what its bindings stand for. */
class StepPlanner {
  readonly weights: WeightList
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
    const { alternatives, operands } = this.#specialise(step)
    const [kernel] = alternatives
    const all = { ...operands, y: value(step.out), size: run('size') }
    return { label: step.out, kernel, alternatives, operands: bind(kernel, all) }
  }

  bytesOf(out: Value): number {
    return ELEMENT_BYTES[this.#typeOf(out)]
  }

  #typeOf(out: Value): 'f32' | 'f16' {
    return this.#wide.has(out) ? 'f32' : this.#choices.precision
  }

  #specialise(step: FusedStep): Specialised {
    const { kernels, precision } = this.#choices
    switch (step.kind) {
      case 'patch_embed':
        return this.#patchEmbed(step)
      case 'layer_norm': {
        const { eps, out } = step
        const alternatives = kernels.layerNorm({ C: this.#config.width, eps, output: this.#typeOf(out) })
        const weight = this.weights.vector([step.weight])
        return { alternatives, operands: { x: value(step.x), weight, bias: this.weights.vector([step.bias]) } }
      }
      case 'matmul':
        return this.#matmul(step)
      case 'attention': {
        const { heads, headSize } = step
        const alternatives = kernels.attention({ heads, headSize, type: precision })
        return { alternatives, operands: { qkv: value(step.qkv), tiles: run('tiles') } }
      }
    }
  }

  #patchEmbed(step: Fused<'patch_embed'>): Specialised {
    const weight = this.weights.matrix([step.weight])
    const table = this.weights.matrix([step.table])
    const alternatives = this.#choices.kernels.patchEmbed({
      patch: this.#config.patch,
      C: this.#config.width,
      S: this.#config.table,
      weight: this.weights.format(weight),
      table: this.weights.format(table),
    })
    const bias = this.weights.vector([step.bias])
    return { alternatives, operands: { pixels: run('pixels'), patches: run('patches'), weight, bias, table } }
  }

  #matmul(step: Fused<'matmul'>): Specialised {
    const weight = this.weights.matrix(step.weights)
    const form = this.weights.format(weight)
    const alternatives = this.#choices.kernels.matmul({
      K: step.weights[0]?.shape[1] ?? 0,
      N: columnsOf(step, this.#config),
      weight: form,
      input: this.#typeOf(step.x),
      output: this.#typeOf(step.out),
      epilogue: step.epilogue,
    })
    const scales = form === 'i8' ? step.weights.map(scaleOf) : []
    const bias = this.weights.vector([...step.biases, ...scales])
    // Every product binds a residual; those without one do not read it.
    const residual = step.residual === null ? bias : value(step.residual)
    return { alternatives, operands: { x: value(step.x), weight, bias, residual } }
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

  /** f32 precision keeps the checkpoint's own form, which kernels unpack (int8 too); parts of different forms meet in f32. */
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

function scaleOf({ name, shape }: Parameter): Parameter {
  return { name: scaleName(name), shape: shape.slice(0, 1) }
}

function rows(parameter: Parameter): number {
  return parameter.shape[0] ?? 0
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
