import { SovitError } from '../errors.js'
import { checkDims, type Dims, meanCenter } from './center.js'
import { symmetricEigen } from './eigen.js'

/** Principal components of P tokens of C channels; k components, strongest first. */
export interface Pca {
  /** Each centred token along each component, [P, k]. */
  readonly projections: Float32Array
  /** Rows of length 1, [k, C]; the entry of largest magnitude is positive. Zeros where the tokens have no more directions. */
  readonly components: Float32Array
  /** Variance along each component (divisor P), [k]. */
  readonly variances: Float32Array
}

/**
 * Lanczos steps. The error of a component falls like exp(-4·steps·√gap) with its relative gap to the next one, so 64
 * steps resolve gaps of 1 % to float32.
 */
const STEPS = 64

/**
 * Principal component analysis of the tokens, without forming their covariance matrix: Lanczos iteration with full
 * reorthogonalisation on XᵀX (Golub and Van Loan, Matrix Computations, 10.3). Deterministic.
 *
 * @param tokens [P, C]; they are centred here
 * @param components k, at most 16 and at most C. Default 3.
 * @throws SovitError `BAD_OPTION`
 */
export function pca(tokens: Float32Array, dims: Dims, components = 3): Pca {
  checkDims(tokens, dims)
  const [patches, channels] = dims
  const most = Math.min(16, channels)
  if (!Number.isInteger(components) || components < 1 || components > most) {
    throw new SovitError('BAD_OPTION', `${components} components: choose 1 to ${most} for ${channels} channels.`)
  }
  const centred = meanCenter(tokens, dims)
  const { basis, tridiagonal } = lanczos(centred, channels, Math.min(STEPS, channels))
  const { values, vectors } = symmetricEigen(tridiagonal)
  const order = values.map((_, i) => i).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0))

  const result = {
    projections: new Float32Array(patches * components),
    components: new Float32Array(components * channels),
    variances: new Float32Array(components),
  }
  order.slice(0, components).forEach((column, k) => {
    const direction = new Float64Array(channels)
    basis.forEach((vector, i) => addScaled(direction, vector, vectors[i]?.[column] ?? 0))
    makeLargestPositive(direction)
    result.components.set(direction, k * channels)
    result.variances[k] = Math.max(0, values[column] ?? 0) / patches
    project(centred, direction).forEach((value, patch) => {
      result.projections[patch * components + k] = value
    })
  })
  return result
}

/** An orthonormal basis of a Krylov space of XᵀX, and XᵀX in that basis, which is tridiagonal. */
function lanczos(x: Float32Array, channels: number, steps: number): { basis: Float64Array[]; tridiagonal: number[][] } {
  const basis: Float64Array[] = []
  const diagonal: number[] = []
  const off: number[] = []
  // Any start with a part along every component will do; this one is fixed, so that results are too.
  let vector = Float64Array.from({ length: channels }, (_, i) => Math.sin(1 + i * i))
  let largest = 0
  let norm = length(vector)
  while (basis.length < steps && norm > 1e-10 * largest) {
    const unit = vector.map((value) => value / norm)
    if (basis.length > 0) off.push(norm)
    basis.push(unit)
    vector = covariance(x, unit)
    const along = dot(vector, unit)
    diagonal.push(along)
    largest = Math.max(largest, along)
    // Twice, because once loses orthogonality where much cancels (Kahan's "twice is enough").
    for (let round = 0; round < 2; round++) {
      for (const other of basis) addScaled(vector, other, -dot(vector, other))
    }
    norm = length(vector)
  }
  const n = basis.length
  const entry = (i: number, j: number): number =>
    i === j ? (diagonal[i] ?? 0) : Math.abs(i - j) === 1 ? (off[Math.min(i, j)] ?? 0) : 0
  const tridiagonal = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => entry(i, j)))
  return { basis, tridiagonal }
}

/** Xᵀ(X·v) */
function covariance(x: Float32Array, v: Float64Array): Float64Array<ArrayBuffer> {
  const channels = v.length
  const result = new Float64Array(channels)
  project(x, v).forEach((weight, patch) => {
    const row = x.subarray(patch * channels, (patch + 1) * channels)
    addScaled(result, row, weight)
  })
  return result
}

/** X·v */
function project(x: Float32Array, v: Float64Array): Float64Array {
  const channels = v.length
  return Float64Array.from({ length: x.length / channels }, (_, patch) =>
    dot(x.subarray(patch * channels, (patch + 1) * channels), v),
  )
}

type Vector = Float32Array | Float64Array

function dot(a: Vector, b: Vector): number {
  let sum = 0
  for (let i = 0; i < b.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

function length(vector: Vector): number {
  return Math.sqrt(dot(vector, vector))
}

function addScaled(target: Float64Array, vector: Vector, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) + (vector[i] ?? 0) * factor
}

function makeLargestPositive(vector: Float64Array): void {
  const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
  if (largest < 0) vector.forEach((value, i) => (vector[i] = -value))
}

/**
 * The three strongest components as red, green and blue, each stretched between its 2nd and 98th percentile, so that a
 * few outliers do not take all the contrast. A component that does not vary but for rounding is grey, 128.
 *
 * @param tokens [P, C], C ≥ 3
 * @returns [P, 3] bytes
 */
export function pcaColors(tokens: Float32Array, dims: Dims): Uint8ClampedArray<ArrayBuffer> {
  const { projections, variances } = pca(tokens, dims, 3)
  const colors = new Uint8ClampedArray(projections.length)
  for (let channel = 0; channel < 3; channel++) {
    const sorted = projections.filter((_, i) => i % 3 === channel).sort()
    const low = percentile(sorted, 0.02)
    const span = percentile(sorted, 0.98) - low
    const varies = span > 0 && (variances[channel] ?? 0) > 1e-10 * (variances[0] ?? 0)
    for (let i = channel; i < projections.length; i += 3) {
      colors[i] = varies ? (((projections[i] ?? 0) - low) / span) * 255 : 128
    }
  }
  return colors
}

function percentile(sorted: Float32Array, fraction: number): number {
  return sorted[Math.round((sorted.length - 1) * fraction)] ?? 0
}
