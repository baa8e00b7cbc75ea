/** How far numbers are from their reference. NaN anywhere makes a result NaN, which no bound accepts. */

/** Smallest cosine between rows of x and of reference, both [rows, width]. */
export function minCosine(x: Float32Array, reference: Float32Array, width: number): number {
  let worst = 1
  for (let row = 0; row < reference.length; row += width) {
    let dot = 0
    let xx = 0
    let rr = 0
    for (let i = row; i < row + width; i++) {
      const a = x[i] ?? NaN
      const b = reference[i] ?? NaN
      dot += a * b
      xx += a * a
      rr += b * b
    }
    worst = Math.min(worst, dot / Math.sqrt(xx * rr))
  }
  return worst
}

/** Normalised mean squared error: |x - reference|² / |reference|². */
export function nmse(x: Float32Array, reference: Float32Array): number {
  let error = 0
  let power = 0
  reference.forEach((b, i) => {
    error += ((x[i] ?? NaN) - b) ** 2
    power += b * b
  })
  return error / power
}

/** Largest absolute difference. */
export function maxAbs(x: Float32Array, reference: Float32Array): number {
  return reference.reduce((worst, b, i) => Math.max(worst, Math.abs((x[i] ?? NaN) - b)), 0)
}
