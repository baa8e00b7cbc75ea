import { encodeSafetensors } from '../checkpoint/safetensors-write.js'
import type { PixelValues } from '../image/types.js'
import { type VisionConfig, TOWER_ALONE } from '../model/config.js'
import { towerTensors } from '../model/layouts.js'

/** SoViT-400m/14 as MiniCPM-V has it; `layers` of its 27 blocks. */
export function sovit400m(layers: number): VisionConfig {
  return {
    ...{
      layers,
      width: 1152,
      heads: 16,
      headSize: 72,
      mlp: 4304,
      patch: 14,
      table: 70,
      gelu: 'tanh',
      eps: 1e-6,
      ...TOWER_ALONE,
    },
  }
}

/** Weights by canonical name, bf16, and their shapes. */
export type SyntheticTower = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Uint16Array }>

/**
 * A tower of seeded noise at a trained tower's scale: matrices keep the size of what they multiply, norms are near one,
 * so that nothing overflows or dies out over any number of blocks. Not zeros: those cost some GPUs less power and time.
 */
export function syntheticTower(config: VisionConfig): SyntheticTower {
  return new Map(
    towerTensors(config).map(({ name, shape }, seed) => {
      const size = shape.reduce((product, n) => product * n, 1)
      const norm = /norm\d?\.weight$/.test(name)
      const deviation = shape.length > 1 ? 1 / Math.sqrt(size / (shape[0] ?? 1)) : 0.1
      const scale = name.endsWith('position_embedding.weight') ? 0.5 : deviation
      return [name, { shape, data: bf16Noise(size, seed, scale, norm ? 1 : 0) }]
    }),
  )
}

/** The tower as a safetensors file in the parts of which it consists. */
export function towerFile(tower: SyntheticTower): Uint8Array<ArrayBuffer>[] {
  const tensors = [...tower].map(([name, { shape, data }]) => {
    return { name, shape, dtype: 'BF16' as const, data: new Uint8Array(data.buffer) }
  })
  return encodeSafetensors(tensors)
}

/** Pixel values of one picture of rows × columns patches, [3, height, width], uniform in ±1. */
export function syntheticPixels(rows: number, patch: number, columns = rows): PixelValues {
  const [height, width] = [rows * patch, columns * patch]
  const next = uniform(4)
  return { data: Float32Array.from({ length: 3 * height * width }, () => 2 * next() - 1), height, width }
}

/** Uniform noise around `mean` of the given standard deviation, cut to bf16. */
function bf16Noise(size: number, seed: number, deviation: number, mean: number): Uint16Array {
  const float = new Float32Array(1)
  const bits = new Uint32Array(float.buffer)
  const next = uniform(seed)
  const width = deviation * Math.sqrt(12)
  const out = new Uint16Array(size)
  for (let i = 0; i < size; i++) {
    float[0] = mean + width * (next() - 0.5)
    out[i] = (bits[0] ?? 0) >>> 16
  }
  return out
}

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
