import matmulF16of4x4 from '../../../shaders/matmul_f16_4x4.wgsl?raw'
import matmulF16of8x8 from '../../../shaders/matmul_f16_8x8.wgsl?raw'
import { SovitError } from '../../errors.js'
import type { Kernel } from '../kernel.js'
import { matmul, stagedTiles, type MatmulSpec, type MatmulTile } from './matmul.js'

/** Tiles whose products, and sums of 16 of them, are f16; largest first. */
export const F16_TILES: readonly MatmulTile[] = stagedTiles('matmul_f16', { 4: matmulF16of4x4, 8: matmulF16of8x8 }, 2)

/**
 * As `matmul`, of f16 operands in f16 arithmetic.
 *
 * @throws SovitError `SHADER` for other operands.
 */
export function matmulF16(spec: MatmulSpec, tile: MatmulTile): Kernel {
  if (spec.input !== 'f16' || spec.weight !== 'f16') {
    const operands = `${spec.input} by ${spec.weight}`
    throw new SovitError('SHADER', `${tile.name}: f16 arithmetic needs operands in f16, not ${operands}.`)
  }
  return matmul(spec, tile)
}
