import { foreground, pcaColors, viridis } from 'sovit/features'
import { dimsOf, type Tokens } from './shown.js'

/** Viridis over the whole range of a cosine, so that a colour means the same for every patch. [P, 4] */
export function viridisPatches(cosines: Float32Array, alpha = 255): Uint8ClampedArray<ArrayBuffer> {
  const bytes = new Uint8ClampedArray(cosines.length * 4)
  cosines.forEach((value, index) => {
    bytes.set([...viridis((value + 1) / 2), alpha], index * 4)
  })
  return bytes
}

/** A dark veil over the picture that is thinnest where `shares` (0 to 1) is largest. [P, 4] */
export function veil(shares: Float32Array): Uint8ClampedArray<ArrayBuffer> {
  const bytes = new Uint8ClampedArray(shares.length * 4)
  shares.forEach((share, index) => {
    bytes.set([11, 7, 20, 216 * (1 - share)], index * 4)
  })
  return bytes
}

const ranked = new WeakMap<Float32Array, Float32Array>()

/** How much of the foreground each patch is, [P], from 0 to 1 by rank. Remembered while the tokens are: a slider asks often. */
function ranks(tokens: Tokens): Float32Array {
  const known = ranked.get(tokens.tokens)
  if (known) return known
  const scores = foreground(tokens.tokens, dimsOf(tokens), tokens.grid)
  const order = [...scores.keys()].sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0))
  const result = new Float32Array(scores.length)
  order.forEach((patch, rank) => {
    result[patch] = (rank + 0.5) / scores.length
  })
  ranked.set(tokens.tokens, result)
  return result
}

/**
 * Tokens as colours, their principal components as red, green and blue. Patches whose rank as foreground is below
 * `threshold` (0 to 1) are left out, of the analysis too, and are transparent. [P, 4]
 */
export function tokenColours(tokens: Tokens, threshold: number): Uint8ClampedArray<ArrayBuffer> {
  const [patches, channels] = tokens.dims
  const rank = threshold > 0 ? ranks(tokens) : null
  const kept = Array.from({ length: patches }, (_, patch) => patch).filter((p) => !rank || (rank[p] ?? 0) >= threshold)
  const rows = new Float32Array(kept.length * channels)
  kept.forEach((patch, i) => {
    rows.set(tokens.tokens.subarray(patch * channels, (patch + 1) * channels), i * channels)
  })
  const bytes = new Uint8ClampedArray(patches * 4)
  if (kept.length === 0) return bytes
  const colours = pcaColors(rows, [kept.length, channels])
  kept.forEach((patch, i) => {
    bytes.set([...colours.subarray(i * 3, i * 3 + 3), 255], patch * 4)
  })
  return bytes
}
