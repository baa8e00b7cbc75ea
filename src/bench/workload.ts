import { sizeTable, type Kernel, type RunSizes } from '../gpu/kernel.js'
import { KernelCatalog, type KernelTraits } from '../gpu/catalog.js'
import { attentionTiles } from '../gpu/kernels/attention.js'
import type { Epilogue } from '../gpu/kernels/matmul.js'
import { packBatch } from '../graph/batch.js'
import type { VisionConfig } from '../model/config.js'
import { PATCHES } from '../model/network.js'
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

/**
 * The distinct steps of a tower for a picture of side × side patches, with every kernel that a device of any of these
 * traits may run; weights are bf16 in f32 precision, else f16.
 */
export async function towerWork(
  traits: readonly KernelTraits[],
  config: VisionConfig,
  side: number,
  precision: 'f32' | 'f16',
): Promise<Work[]> {
  const { width: C, mlp: F, patch, table: S, eps, heads, headSize } = config
  const P = side * side
  const weight = precision === 'f32' ? 'bf16' : 'f16'
  const catalogs = await Promise.all(traits.map((one) => KernelCatalog.open(one)))
  const all = (offer: (catalog: KernelCatalog) => readonly Kernel[]): Kernel[] => distinct(catalogs.flatMap(offer))
  const rows = (kernel: Kernel): Candidate => ({ kernel, run: { P }, data: { size: sizeTable(P, kernel) } })
  const product = (step: string, K: number, N: number, epilogue: Epilogue): Work => {
    const output = epilogue === 'residual' ? 'f32' : precision
    const spec = { K, N, weight, input: precision, output, epilogue } as const
    return { step, candidates: all((catalog) => catalog.matmul(spec)).map(rows) }
  }
  const head = { heads, headSize, type: precision }
  const attend = (kernel: Kernel): Candidate => {
    const tiles = attentionTiles([P], kernel.queryTile ?? P)
    return { kernel, run: { P, T: tiles.length / 4, A: P * P }, data: { tiles } }
  }
  const embed = (kernel: Kernel): Candidate => ({ kernel, ...embeddingTables(side, patch) })
  return [
    product('qkv', C, 3 * C, 'bias'),
    product('out + residual', C, C, 'residual'),
    product('fc1 + gelu', C, F, 'gelu_tanh'),
    product('fc2 + residual', F, C, 'residual'),
    { step: 'attention', candidates: all((catalog) => catalog.attention(head)).map(attend) },
    { step: 'layer norm', candidates: all((catalog) => catalog.layerNorm({ C, eps, output: precision })).map(rows) },
    {
      step: 'patch embedding',
      candidates: all((catalog) => catalog.patchEmbed({ patch, C, S, weight, table: weight })).map(embed),
    },
  ]
}

function distinct(kernels: readonly Kernel[]): Kernel[] {
  return kernels.filter((kernel, i) => kernels.findIndex(({ code }) => code === kernel.code) === i)
}

function embeddingTables(side: number, patch: number): Omit<Candidate, 'kernel'> {
  const extent = side * patch
  const picture = { data: new Float32Array(3 * extent * extent), height: extent, width: extent }
  const image = { ...picture, grid: [side, side] as const, positions: new Uint32Array(side * side) }
  const { run, tables } = packBatch(
    [image],
    patch,
    { tables: [{ kind: 'patches' }, { kind: 'size', rows: PATCHES }], headTable: null },
    1,
  )
  const [patches = new Uint32Array(), size = new Uint32Array()] = tables
  return { run, data: { patches, size } }
}

/** Floating point operations of a whole encode of P tokens, of one picture or of several alike. */
export function towerFlops(config: VisionConfig, P: number, pictures = 1): number {
  const { layers, width: C, mlp: F, patch } = config
  const block = 2 * P * (4 * C * C + 2 * C * F) + (4 * P * P * C) / pictures
  return layers * block + 2 * P * 3 * patch * patch * C
}
