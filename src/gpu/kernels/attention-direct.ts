import attentionDirect from '../../../shaders/attention_direct.wgsl?raw'
import attentionDirectScalar from '../../../shaders/attention_direct_scalar.wgsl?raw'
import { registerTiled, type AttentionVariant, type RegisterTile } from './attention.js'

const TILE: RegisterTile = { name: 'attention_direct', code: attentionDirect, rows: 8, quads: 2, columns: 5 }
const SCALAR: RegisterTile = { ...TILE, name: 'attention_direct_scalar', code: attentionDirectScalar }

/** `attention` without keys and values in workgroup memory: for devices that run on a CPU. */
export const DIRECT_VARIANTS: readonly AttentionVariant[] = [
  { variant: 'direct-8', shape: registerTiled(SCALAR, 8) },
  { variant: 'direct-16', shape: registerTiled(TILE, 16) },
  { variant: 'direct-32', shape: registerTiled(TILE, 32) },
]

/**
 * Those whose threads fill the lanes of a subgroup at D = 72: SwiftShader has 4, llvmpipe 8. Fewer queries need less workgroup
 * memory, for each word of which SwiftShader compiles code of its own: what it runs, it also compiles soonest.
 */
export function directVariants(lanes = 8): readonly AttentionVariant[] {
  const filling = DIRECT_VARIANTS.filter(({ shape }) => shape(72).threads >= lanes)
  return filling.length > 0 ? filling : DIRECT_VARIANTS.slice(-1)
}
