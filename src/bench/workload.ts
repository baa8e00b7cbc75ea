import type { RunSizes, Kernel } from '../gpu/kernel.js'
import { attention, attentionTiles, queryTile } from '../gpu/kernels/attention.js'
import { layerNorm } from '../gpu/kernels/layer-norm.js'
import { matmul, type Epilogue, type MatmulTile } from '../gpu/kernels/matmul.js'
import { patchEmbed } from '../gpu/kernels/patch-embed.js'
import { packBatch } from '../graph/batch.js'
import type { VisionConfig } from '../model/config.js'
import type { BufferData } from './timer.js'

/** A kernel that may compute a step, with the sizes and tables of one picture as it wants them. */
export interface Candidate {
  readonly kernel: Kernel
  readonly run: RunSizes
  /** What its tables hold. */
  readonly data: BufferData
}

/** One step of the tower, and every kernel that may compute it. */
export interface Work {
  readonly step: string
  readonly candidates: readonly Candidate[]
}

const TILES: readonly MatmulTile[] = ['direct', '32x32', '64x64', '128x128']

/** The distinct steps of a tower for a picture of side × side patches; weights are bf16 in f32 precision, else f16. */
export function towerWork(config: VisionConfig, side: number, precision: 'f32' | 'f16'): Work[] {
  const { width: C, mlp: F, patch, table: S, eps } = config
  const P = side * side
  const weight = precision === 'f32' ? 'bf16' : 'f16'
  const size = Uint32Array.of(P, 0, 0, 0)
  const rows = (kernel: Kernel): Candidate => ({ kernel, run: { P }, data: { size } })
  const product = (step: string, K: number, N: number, epilogue: Epilogue): Work => {
    const output = epilogue === 'residual' ? 'f32' : precision
    const spec = { K, N, weight, input: precision, output, epilogue } as const
    return { step, candidates: TILES.map((tile) => rows(matmul({ ...spec, tile }))) }
  }
  return [
    product('qkv', C, 3 * C, 'bias'),
    product('out + residual', C, C, 'residual'),
    product('fc1 + gelu', C, F, 'gelu_tanh'),
    product('fc2 + residual', F, C, 'residual'),
    attentionWork(config, P, precision),
    { step: 'layer norm', candidates: [rows(layerNorm({ C, eps, output: precision }))] },
    embeddingWork(patchEmbed({ patch, C, S, weight, table: weight }), side, patch),
  ]
}

function attentionWork({ heads, headSize }: VisionConfig, P: number, type: 'f32' | 'f16'): Work {
  const spec = { heads, headSize, type }
  const tiles = attentionTiles([P], queryTile(spec))
  return {
    step: 'attention',
    candidates: [{ kernel: attention(spec), run: { P, T: tiles.length / 4 }, data: { tiles } }],
  }
}

function embeddingWork(kernel: Kernel, side: number, patch: number): Work {
  const extent = side * patch
  const picture = { data: new Float32Array(3 * extent * extent), height: extent, width: extent }
  const image = { ...picture, grid: [side, side] as const, positions: new Uint32Array(side * side) }
  const { run, patches, size } = packBatch([image], patch, 1)
  return { step: 'patch embedding', candidates: [{ kernel, run, data: { patches, size } }] }
}

/** Floating point operations of a whole encode of P tokens. */
export function towerFlops(config: VisionConfig, P: number): number {
  const { layers, width: C, mlp: F, patch } = config
  const block = 2 * P * (4 * C * C + 2 * C * F) + 4 * P * P * C
  return layers * block + 2 * P * 3 * patch * patch * C
}
