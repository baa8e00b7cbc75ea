import type { AttentionSpec } from '../../../src/gpu/kernels/attention.js'
import { decode, encode, normals } from '../../support/numbers.js'
import type { AttentionCase } from './attention-cases.js'

export type Floats = ReturnType<typeof encode>

export const total = (segments: readonly number[]): number => segments.reduce((sum, rows) => sum + rows, 0)
/** A: pairs of rows that attend to each other. */
export const pairs = (segments: readonly number[]): number => segments.reduce((sum, rows) => sum + rows * rows, 0)
export const width = ({ heads, headSize }: AttentionSpec): number => heads * headSize
export const title = ({ heads, headSize, segments, type }: AttentionCase): string =>
  `${heads}×${headSize} [${segments.join()}] ${type}`

export const inputOf = (of: AttentionCase): Floats => encode(normals(total(of.segments) * 3 * width(of), 1), of.type)

/** The formula in f64, on the numbers that the format can hold. */
export function reference(of: AttentionCase, input: Floats): Float64Array {
  const { headSize: D, heads, segments, type } = of
  const C = width(of)
  const qkv = decode(input, type)
  const at = (i: number) => qkv[i] ?? NaN
  const y = new Float64Array(total(segments) * C)
  let first = 0
  for (const rows of segments) {
    for (let p = first; p < first + rows; p++) {
      for (let h = 0; h < heads; h++) {
        const q = p * 3 * C + h * D
        const scores = Float64Array.from({ length: rows }, (_, r) => {
          const k = (first + r) * 3 * C + C + h * D
          let sum = 0
          for (let d = 0; d < D; d++) sum += at(q + d) * at(k + d)
          return sum / Math.sqrt(D)
        })
        const top = scores.reduce((a, b) => Math.max(a, b))
        const weights = scores.map((score) => Math.exp(score - top))
        const sum = weights.reduce((a, b) => a + b)
        weights.forEach((weight, r) => {
          const v = (first + r) * 3 * C + 2 * C + h * D
          for (let d = 0; d < D; d++) y[p * C + h * D + d] = (y[p * C + h * D + d] ?? NaN) + (weight / sum) * at(v + d)
        })
      }
    }
    first += rows
  }
  return y
}
