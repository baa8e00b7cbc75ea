import { toFloat32 } from './half.js'
import type { Checkpoint, StreamOptions, TensorInfo } from './types.js'

/** The scales of one matrix of int8, for its conversion. */
export class Scales {
  readonly #columns: number
  readonly #scales: Float32Array

  constructor(columns: number, scales: Float32Array) {
    this.#columns = columns
    this.#scales = scales
  }

  /** What `convert` reads behind `count` values from `first` on. */
  behind(first: number, count: number): Uint32Array<ArrayBuffer> {
    const row = Math.floor(first / this.#columns)
    const scales = this.#scales.slice(row, Math.ceil((first + count) / this.#columns))
    const words = new Uint32Array(2 + scales.length)
    words.set([this.#columns, first % this.#columns])
    words.set(new Uint32Array(scales.buffer), 2)
    return words
  }
}

/** Reads the scales of matrices, a thousandth of their bytes. `scaleOf` has matrices with their scales. */
export async function readScales(
  checkpoint: Checkpoint,
  scaleOf: ReadonlyMap<TensorInfo, TensorInfo>,
  { signal, check }: StreamOptions,
): Promise<ReadonlyMap<TensorInfo, Scales>> {
  const raw = new Map([...scaleOf.values()].map((scale) => [scale, new Uint8Array(scale.end - scale.begin)]))
  await checkpoint.stream(raw.keys(), ({ tensor, offset, bytes }) => raw.get(tensor)?.set(bytes, offset), {
    signal,
    check,
  })
  return new Map(
    [...scaleOf].map(([matrix, scale]) => {
      const values = toFloat32(scale.dtype, raw.get(scale) ?? new Uint8Array())
      return [matrix, new Scales(matrix.shape[1] ?? 1, values)]
    }),
  )
}
