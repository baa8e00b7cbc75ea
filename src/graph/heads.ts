/** How heads and stretched positions are planned and fed. A file of its own, as many checkpoints have neither. */
import { addSincos } from '../gpu/kernels/add-sincos.js'
import { crossAttention } from '../gpu/kernels/cross-attention.js'
import { gatherRows } from '../gpu/kernels/gather-rows.js'
import { interpolatePositions } from '../gpu/kernels/interpolate-positions.js'
import { meanRows } from '../gpu/kernels/mean-rows.js'
import type { HeadStep } from './fuse.js'
import type { Specialised, StepPlanner } from './step-planner.js'

export { headTable } from './head-tables.js'

/** The one kernel that there is for a step of a head, and what it binds. */
export function planHead(step: HeadStep, planner: StepPlanner): Specialised {
  const { columns: C } = planner.shapeOf(step.out)
  const type = planner.typeOf(step.out)
  switch (step.kind) {
    case 'cross_attention': {
      const { heads, headSize, q, k, v } = step
      const queries = planner.shapeOf(q).rows.times
      const groups = planner.table({ kind: 'groups', rows: planner.shapeOf(k).rows })
      const operands = { q: planner.value(q), k: planner.value(k), v: planner.value(v), groups }
      return { alternatives: planner.only(crossAttention, { heads, headSize, queries, type }), operands }
    }
    case 'interpolate': {
      const table = planner.weights.matrix([step.table])
      const S = Math.sqrt(step.table.shape[0] ?? 0)
      const places = planner.table({ kind: 'places' })
      const axes = planner.table({ kind: 'axes' })
      const operands = { table, places, axes, taps: planner.table({ kind: 'taps' }) }
      const spec = { C, S, table: planner.weights.format(table) }
      return { alternatives: planner.only(interpolatePositions, spec), operands }
    }
    case 'sincos': {
      const table = planner.table({ kind: 'sines', columns: C })
      const temporal = planner.table({ kind: 'frames', columns: C })
      const coordinates = planner.table({ kind: 'coordinates' })
      const operands = { x: planner.value(step.x), table, temporal, coordinates }
      return { alternatives: planner.only(addSincos, { C, type }), operands }
    }
    case 'windows': {
      const order = planner.table({ kind: 'order', rows: planner.shapeOf(step.x).rows })
      return { alternatives: planner.only(gatherRows, { C, type }), operands: { x: planner.value(step.x), order } }
    }
    case 'mean':
      return { alternatives: planner.only(meanRows, { C }), operands: { x: planner.value(step.x) } }
  }
}
