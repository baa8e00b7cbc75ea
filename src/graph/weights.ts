import { ELEMENT_BYTES, type ElementType } from '../gpu/kernel.js'
import { scaleName } from '../model/layouts.js'
import type { Parameter } from '../model/network.js'
import { sum } from './sum.js'

/** How a weight lies on the GPU. */
export type WeightFormat = Exclude<ElementType, 'u32'>

/** One binding of weights: parameters stacked by rows, each converted to `format` where it is stored otherwise. */
export interface PlannedWeight {
  readonly label: string
  readonly format: WeightFormat
  /** None: zeros. */
  readonly parts: readonly Parameter[]
  readonly elements: number
}

export interface WeightOperand {
  readonly kind: 'weight'
  readonly index: number
}

/** Collects the weights of a plan, and decides how each lies on the GPU. */
export class WeightList {
  readonly list: PlannedWeight[] = []
  readonly #precision: 'f32' | 'f16'
  readonly #stored: (name: string) => WeightFormat

  constructor(precision: 'f32' | 'f16', stored: (name: string) => WeightFormat) {
    this.#precision = precision
    this.#stored = stored
  }

  /** f32 precision keeps the checkpoint's own form, which kernels unpack (int8 too); parts of different forms meet in f32. */
  matrix(parts: readonly Parameter[]): WeightOperand {
    const [form, ...others] = new Set(parts.map(({ name }) => this.#stored(name)))
    const own = form !== undefined && others.length === 0 ? form : 'f32'
    return this.#add(parts, this.#precision === 'f16' ? 'f16' : own)
  }

  /** Biases and norms are f32 in every precision: a thousandth of the bytes. */
  vector(parts: readonly Parameter[]): WeightOperand {
    return this.#add(parts, 'f32')
  }

  /** Biases of a product; where there is none, zeros. Behind those of int8 weights lie the scales of their rows. */
  biases(biases: readonly (Parameter | null)[], weights: readonly Parameter[], format: WeightFormat): WeightOperand {
    const scales = format === 'i8' ? weights.map(scaleOf) : []
    const parts = biases.filter((bias) => bias !== null)
    return this.#add([...parts, ...scales], 'f32', sum([...weights.map(rowsOf), ...scales.map(rowsOf)]))
  }

  format({ index }: WeightOperand): WeightFormat {
    return this.list[index]?.format ?? 'f32'
  }

  #add(parts: readonly Parameter[], format: WeightFormat, elements = sum(parts.map(sizeOf))): WeightOperand {
    const label = parts.map(({ name }) => name).join(' + ') || 'zeros'
    return { kind: 'weight', index: this.list.push({ label, format, parts, elements }) - 1 }
  }
}

/** Bytes of a weight on the device, in whole words. */
export function weightBytes({ elements, format }: PlannedWeight): number {
  return Math.ceil((elements * ELEMENT_BYTES[format]) / 4) * 4
}

function scaleOf({ name, shape }: Parameter): Parameter {
  return { name: scaleName(name), shape: shape.slice(0, 1) }
}

function rowsOf({ shape }: Parameter): number {
  return shape[0] ?? 0
}

function sizeOf({ shape }: Parameter): number {
  return shape.reduce((product, size) => product * size, 1)
}
