import type { RunSizes, Kernel } from '../gpu/kernel.js'
import { attention, attentionTiles, queryTile } from '../gpu/kernels/attention.js'
import { layerNorm } from '../gpu/kernels/layer-norm.js'
import { matmul, type Epilogue, type MatmulTile } from '../gpu/kernels/matmul.js'
import { patchEmbed } from '../gpu/kernels/patch-embed.js'
import { packBatch } from '../graph/batch.js'
import type { VisionConfig } from '../model/config.js'
import type { BufferData } from './timer.js'

/** One step of the tower at the size of one picture, and every kernel that may compute it. */
export interface Work {
  readonly step: string
  readonly kernels: readonly Kernel[]
  readonly run: RunSizes
  /** What its tables hold. */
  readonly data: BufferData
  /** How often a picture needs it, per block; the patch embedding runs once. */
  readonly perBlock: number
}

const TILES: readonly MatmulTile[] = ['direct', '32x32', '64x64', '128x128']

/** The distinct steps of a tower for a picture of side × side patches, bf16 weights in f32 precision, else f16. */
export function towerWork(config: VisionConfig, side: number, precision: 'f32' | 'f16'): Work[] {
  const { width: C, mlp: F, heads, headSize, patch, table: S, eps } = config
  const P = side * side
  const weight = precision === 'f32' ? 'bf16' : 'f16'
  const size = Uint32Array.of(P, 0, 0, 0)

  const product = (step: string, K: number, N: number, epilogue: Epilogue): Work => {
    const output = epilogue === 'residual' ? 'f32' : precision
    const spec = { K, N, weight, input: precision, output, epilogue } as const
    return { step, kernels: TILES.map((tile) => matmul({ ...spec, tile })), run: { P }, data: { size }, perBlock: 1 }
  }
  const picture = { data: new Float32Array(3 * (side * patch) ** 2), height: side * patch, width: side * patch }
  const batch = packBatch([{ ...picture, grid: [side, side], positions: new Uint32Array(P) }], patch, 1)
  const head = { heads, headSize, type: precision }
  const tiles = attentionTiles([P], queryTile(head))
  return [
    product('qkv', C, 3 * C, 'bias'),
    product('out + residual', C, C, 'residual'),
    product('fc1 + gelu', C, F, 'gelu_tanh'),
    product('fc2 + residual', F, C, 'residual'),
    { step: 'attention', kernels: [attention(head)], run: { P, T: tiles.length / 4 }, data: { tiles }, perBlock: 1 },
    {
      step: 'layer norm',
      kernels: [layerNorm({ C, eps, output: precision })],
      run: { P },
      data: { size },
      perBlock: 2,
    },
    {
      step: 'patch embedding',
      kernels: [patchEmbed({ patch, C, S, weight, table: weight })],
      run: { P, V: picture.data.length },
      data: { size, patches: batch.patches },
      perBlock: 0,
    },
  ]
}

/** Floating point operations of a whole encode of P tokens. */
export function towerFlops(config: VisionConfig, P: number): number {
  const { layers, width: C, mlp: F, patch } = config
  const block = 2 * P * (4 * C * C + 2 * C * F) + 4 * P * P * C
  return layers * block + 2 * P * 3 * patch * patch * C
}
