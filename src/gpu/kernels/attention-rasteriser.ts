import attentionCode from '../../../shaders/attention.wgsl?raw'
import attention8x8 from '../../../shaders/attention_8x8.wgsl?raw'
import { blockKeys, registerTiled, type AttentionVariant, type RegisterTile } from './attention.js'
import { u32 } from './weights.js'

const TILE_8X8: RegisterTile = { name: 'attention_8x8', code: attention8x8, rows: 8, quads: 2, columns: 5 }

/**
 * Variants of `attention` for devices that run on a CPU, which do best with loads that all threads share (`query`, one
 * query a thread) or with few loads (`8x8`).
 */
export const RASTERISER_VARIANTS: readonly AttentionVariant[] = [
  { variant: 'query-128', shape: oneQueryAThread(128) },
  { variant: 'query-256', shape: oneQueryAThread(256) },
  { variant: '8x8-64', shape: registerTiled(TILE_8X8, 64, false) },
  { variant: '8x8-32', shape: registerTiled(TILE_8X8, 32, false) },
]

function oneQueryAThread(queries: number): AttentionVariant['shape'] {
  return (D) => {
    const keys = blockKeys(D)
    return {
      name: 'attention',
      code: attentionCode,
      consts: { TILE: u32(queries) },
      queries,
      threads: queries,
      workgroupBytes: keys * D * 4,
      accumulators: 2 * D + keys + keys / 4,
    }
  }
}
