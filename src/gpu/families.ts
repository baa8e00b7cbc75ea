import { SovitError } from '../errors.js'
import type { Arithmetic } from './arithmetic.js'
import { attention, ATTENTION_VARIANTS, type AttentionSpec } from './kernels/attention.js'
import { matmul, MATMUL_TILES, ranked, type MatmulSpec } from './kernels/matmul.js'
import { patchEmbed, type PatchEmbedSpec } from './kernels/patch-embed.js'
import type { Kernel } from './kernel.js'
import type { MatrixShape } from './types.js'

/** What a kind of device runs for each operation that comes in several forms: kernels of the same bits, best guess first. */
export interface KernelFamily {
  readonly matmul: (spec: MatmulSpec) => readonly Kernel[]
  readonly attention: (spec: AttentionSpec) => readonly Kernel[]
  readonly patchEmbed: (spec: PatchEmbedSpec) => readonly Kernel[]
}

const gpu: KernelFamily = {
  matmul: (spec) => ranked(MATMUL_TILES, spec).map((tile) => matmul(spec, tile)),
  attention: (spec) => ATTENTION_VARIANTS.map((variant) => attention(spec, variant)),
  patchEmbed: (spec) => [patchEmbed(spec)],
}

/** The family of a device. All but the f32 kernels of GPUs are files of their own, which only such devices load. */
export async function kernelFamily(device: {
  readonly arithmetic: Arithmetic
  readonly software: boolean
  readonly lanes?: number
  readonly matrix: MatrixShape | null
}): Promise<KernelFamily> {
  if (device.arithmetic === 'matrix') return matrixFamily(device.matrix)
  if (device.arithmetic === 'f16') {
    const { F16_TILES, matmulF16 } = await import('./kernels/matmul-f16.js')
    const fast: KernelFamily['matmul'] = (spec) => ranked(F16_TILES, spec).map((tile) => matmulF16(spec, tile))
    // What reads the tower's results, which are f32, is summed in f32 too.
    return { ...gpu, matmul: (spec) => (spec.input === 'f16' ? fast(spec) : gpu.matmul(spec)) }
  }
  if (!device.software) return gpu
  const [{ DIRECT_TILE }, { DIRECT_PATCHES }, { directVariants }] = await Promise.all([
    import('./kernels/matmul-direct.js'),
    import('./kernels/patch-embed-direct.js'),
    import('./kernels/attention-direct.js'),
  ])
  const variants = directVariants(device.lanes)
  return {
    matmul: (spec) => [matmul(spec, DIRECT_TILE)],
    attention: (spec) => variants.map((variant) => attention(spec, variant)),
    patchEmbed: (spec) => [patchEmbed(spec, DIRECT_PATCHES)],
  }
}

/** On matrix units; what does not fit their operands is computed as on any GPU. */
async function matrixFamily(shape: MatrixShape | null): Promise<KernelFamily> {
  if (!shape) throw new SovitError('NO_FEATURE', 'This device has no matrix units for this precision.')
  const [
    { matmulMatrix, matmulMatrixFits, matmulMatrixTiles },
    { attentionMatrix, attentionMatrixFits, attentionMatrixVariants },
  ] = await Promise.all([import('./kernels/matmul-matrix.js'), import('./kernels/attention-matrix.js')])
  const tiles = matmulMatrixTiles(shape)
  const variants = attentionMatrixVariants(shape)
  return {
    ...gpu,
    matmul: (spec) => {
      const fits = matmulMatrixFits(spec, shape)
      return fits ? ranked(tiles, spec).map((tile) => matmulMatrix(spec, tile)) : gpu.matmul(spec)
    },
    attention: (spec) => {
      const fits = attentionMatrixFits(spec, shape)
      return fits ? variants.map((variant) => attentionMatrix(spec, shape, variant)) : gpu.attention(spec)
    },
  }
}
