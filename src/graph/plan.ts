import type { Alternatives, KernelCatalog } from '../gpu/catalog.js'
import { ELEMENT_BYTES, type Kernel } from '../gpu/kernel.js'
import type { Network, OutputName, Rows, Value } from '../model/network.js'
import { assignSlots, type Arena, type Lifetime } from './arena.js'
import { fuse, stepInputs, type FusedStep } from './fuse.js'
import { shapes, type Shape } from './shapes.js'
import { StepPlanner } from './step-planner.js'
import type { HeadTables, RunTable } from './tables.js'
import type { PlannedWeight, WeightFormat } from './weights.js'

export type Operand =
  | { readonly kind: 'value'; readonly value: Value; readonly from?: number }
  /** All of it, or `size` bytes from byte `from` on. */
  | { readonly kind: 'weight'; readonly index: number; readonly from?: number; readonly size?: number }
  /** Of the plan's tables. */
  | { readonly kind: 'table'; readonly index: number }

/** One dispatch: a kernel and what its bindings stand for, in their order. */
export interface Step {
  readonly label: string
  /** One of the alternatives: the first, unless another was chosen. All bind the same. */
  readonly kernel: Kernel
  readonly alternatives: Alternatives
  readonly operands: readonly Operand[]
  /** What the kernel calls P. */
  readonly rows: Rows
}

/** What can be read when a run is over. */
export interface PlannedOutput extends Shape {
  readonly name: OutputName
  readonly value: Value
}

/** A network made ready for a device: dispatches, weights, tables of each batch, and the arena in which its values live. */
export interface Plan {
  readonly steps: readonly Step[]
  /** Steps up to the tokens; those of the heads follow. */
  readonly towerSteps: number
  readonly weights: readonly PlannedWeight[]
  readonly tables: readonly RunTable[]
  readonly headTable: HeadTables | null
  /** Slots of values by what their rows count; `bytes` are those of one patch, of one group, or of all. */
  readonly arena: Arena<Value>
  readonly outputs: readonly PlannedOutput[]
  /** Step after which each tapped value is complete. */
  readonly taps: readonly (Shape & { readonly value: Value; readonly step: number })[]
}

export interface PlanChoices {
  readonly precision: 'f32' | 'f16'
  /** How the checkpoint stores a parameter. */
  readonly stored: (name: string) => WeightFormat
  readonly kernels: KernelCatalog
  /** Bytes of the largest binding; larger weights are multiplied by in parts. Default: any. */
  readonly bindingBytes?: number
  /** What plans and feeds heads and stretched positions, where the network has any. */
  readonly heads?: typeof import('./heads.js')
}

/** Plans `network` for one device and checkpoint. */
export function planNetwork(network: Network, choices: PlanChoices): Plan {
  const known = shapes(network) // checks that shapes fit together
  const fused = fuse(network)
  const planner = new StepPlanner(network, known, fused, choices)
  const steps = fused.flatMap((step) => planner.plan(step))
  const tokens = network.outputs[0].value
  const after = (value: Value) => steps.findLastIndex(({ label }) => label === value)
  return {
    steps,
    towerSteps: after(tokens) + 1,
    weights: planner.weights.list,
    tables: planner.tables,
    headTable: choices.heads?.headTable ?? null,
    arena: assignSlots(lifetimes(network, fused, planner)),
    outputs: network.outputs.map(({ name, value }) => ({ name, value, ...planner.shapeOf(value) })),
    taps: network.taps.map((value) => ({ value, step: after(value), ...planner.shapeOf(value) })),
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

/** From the step that makes a value to the last that reads it; outputs stay to the end. */
function lifetimes(network: Network, steps: readonly FusedStep[], planner: StepPlanner): Lifetime<Value>[] {
  const kept = new Set(network.outputs.map(({ value }) => value))
  const reads = steps.map((step) => stepInputs(step).map((value) => planner.homeOf(value)))
  return steps.map(({ out }, from) => {
    const { rows, columns } = planner.shapeOf(out)
    const lastUse = reads.findLastIndex((values) => values.includes(out))
    const to = kept.has(out) ? steps.length : Math.max(from, lastUse)
    const bytes = columns * ELEMENT_BYTES[planner.typeOf(out)] * rows.times
    return { value: out, per: rows.per, bytes, from, to }
  })
}
