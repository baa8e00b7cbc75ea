import type { OutputName, Value } from '../model/network.js'
import type { BatchTables } from './batch.js'
import type { Plan } from './plan.js'
import type { Shape } from './shapes.js'

const FLOAT = 4

/** A value to be read: how its rows are shared out among the pictures of a batch, or among their groups. */
export interface Span {
  /** [rows, columns] of each part. */
  readonly shapes: readonly (readonly [number, number])[]
  /** Bytes of each part. */
  readonly parts: readonly number[]
}

export interface ResultSpan extends Span {
  readonly name: OutputName
  readonly value: Value
}

/** A result of a run, for each picture; of `pooled` and `resampled` for each group. */
export interface Result {
  readonly name: OutputName
  readonly shapes: readonly (readonly [number, number])[]
  /** f32, row-major; empty when they stay on the device. */
  readonly data: readonly Float32Array[]
  /** Those that stay there; else empty. */
  readonly buffers: readonly GPUBuffer[]
}

export function resultSpans(plan: Plan, batch: BatchTables, tokensOnly = false): readonly ResultSpan[] {
  const outputs = tokensOnly ? plan.outputs.slice(0, 1) : plan.outputs
  return outputs.map(({ name, value, ...shape }) => ({ name, value, ...span(shape, batch) }))
}

export function tapSpan(tap: Shape, batch: BatchTables): Span {
  return span(tap, batch)
}

/** Copies results out of a mapped buffer, in which they lie one after another. */
export function cutResults(mapped: ArrayBuffer, spans: readonly Span[]): Float32Array[][] {
  let start = 0
  return spans.map(({ parts }) => parts.map((bytes) => new Float32Array(mapped.slice(start, (start += bytes)))))
}

function span({ rows: { per, times }, columns }: Shape, { rows, groups }: BatchTables): Span {
  const counts = per === 'patch' ? rows.map((patches) => patches * times) : groups.map(() => times)
  return {
    shapes: counts.map((count) => [count, columns] as const),
    parts: counts.map((count) => count * columns * FLOAT),
  }
}
