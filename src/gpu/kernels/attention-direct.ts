import attentionDirect from '../../../shaders/attention_direct.wgsl?raw'
import { registerTiled, type AttentionVariant, type RegisterTile } from './attention.js'

const TILE: RegisterTile = { name: 'attention_direct', code: attentionDirect, rows: 8, quads: 2, columns: 5 }

/**
 * `attention` without keys and values in workgroup memory: for devices that run on a CPU. Fewer queries take SwiftShader
 * less time to compile; fewer than 16 do not fill the lanes of others.
 */
export const DIRECT_VARIANTS: readonly AttentionVariant[] = [
  { variant: 'direct-16', shape: registerTiled(TILE, 16) },
  { variant: 'direct-32', shape: registerTiled(TILE, 32) },
]
