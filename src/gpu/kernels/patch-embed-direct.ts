import code from '../../../shaders/patch_embed_direct.wgsl?raw'
import type { MatmulTile } from './matmul.js'

const LANES = 8

/** The patch embedding of a software rasteriser, as `DIRECT_TILE` is of its products. */
export const DIRECT_PATCHES: MatmulTile = {
  variant: 'direct-8x4',
  name: 'patch_embed_direct',
  code,
  consts: {},
  rows: 8,
  columns: 4 * LANES,
  threads: LANES,
  workgroupBytes: 0,
}
