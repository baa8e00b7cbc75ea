import attentionDirect from '../../../shaders/attention_direct.wgsl?raw'
import { blockKeys, TEAM_ROWS, type AttentionVariant } from './attention.js'
import { u32 } from './weights.js'

/** Of the generated file: scores of a thread are 8 x 8, its outputs 8 x 5 vectors. */
const ROWS = 8
const QUADS = 2
const COLUMNS = 5

/**
 * `attention` without keys and values in workgroup memory: for devices that run on a CPU. Fewer queries take SwiftShader
 * less time to compile; fewer than 16 do not fill the lanes of others.
 */
export const DIRECT_VARIANTS: readonly AttentionVariant[] = [
  { variant: 'direct-16', shape: direct(16) },
  { variant: 'direct-32', shape: direct(32) },
]

function direct(queries: number): AttentionVariant['shape'] {
  // Follows the constants of the generated file.
  return (D) => {
    const keys = blockKeys(D)
    const parts = keys / 4 / QUADS
    const teams = queries / TEAM_ROWS
    return {
      name: 'attention_direct',
      code: attentionDirect,
      consts: { TEAMS: u32(teams) },
      queries,
      threads: Math.max(parts, Math.ceil(D / 4 / COLUMNS)) * teams,
      workgroupBytes: 4 * queries * (keys + parts + 2),
      accumulators: ROWS * QUADS * 4 + TEAM_ROWS * COLUMNS * 4 + ROWS * QUADS,
    }
  }
}
