import code from '../../../shaders/patch_embed_direct.wgsl?raw'
import type { MatmulTile } from './matmul.js'

const LANES = 8

/** The patch embedding of a software rasteriser, as `DIRECT_TILES` are its products. */
export const DIRECT_PATCHES: MatmulTile = {
  variant: 'direct-16x8',
  name: 'patch_embed_direct',
  code,
  consts: {},
  rows: 16,
  columns: 8 * LANES,
  threads: LANES,
  workgroupBytes: 0,
}
