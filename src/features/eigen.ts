/** `vectors[i][k]` is entry i of the eigenvector of `values[k]`, of length 1. */
export interface Eigen {
  readonly values: number[]
  readonly vectors: number[][]
}

/** Sweeps after which Jacobi's method has long converged: it does so quadratically, in 6 to 10. */
const MAX_SWEEPS = 30

/** All eigenvalues and eigenvectors of a small symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan, 8.5). */
export function symmetricEigen(matrix: readonly (readonly number[])[]): Eigen {
  const a = matrix.map((row) => [...row])
  const vectors = matrix.map((_, i) => matrix.map((__, j) => (i === j ? 1 : 0)))
  for (let sweep = 0; sweep < MAX_SWEEPS && !isDiagonal(a); sweep++) {
    for (let p = 0; p < a.length; p++) {
      for (let q = p + 1; q < a.length; q++) rotate(a, vectors, p, q)
    }
  }
  return { values: a.map((row, i) => row[i] ?? 0), vectors }
}

function isDiagonal(a: readonly (readonly number[])[]): boolean {
  let off = 0
  let all = 0
  a.forEach((row, i) => {
    row.forEach((value, j) => {
      all += value * value
      if (i !== j) off += value * value
    })
  })
  return off <= 1e-30 * all
}

/** One rotation in the plane of p and q that makes a[p][q] zero. */
function rotate(a: number[][], vectors: number[][], p: number, q: number): void {
  const rowP = a[p]
  const rowQ = a[q]
  const off = rowP?.[q] ?? 0
  if (rowP === undefined || rowQ === undefined || off === 0) return
  const theta = ((rowQ[q] ?? 0) - (rowP[p] ?? 0)) / (2 * off)
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const cosine = 1 / Math.sqrt(tangent * tangent + 1)
  const sine = tangent * cosine
  for (const row of [...a, ...vectors]) {
    const x = row[p] ?? 0
    const y = row[q] ?? 0
    row[p] = cosine * x - sine * y
    row[q] = sine * x + cosine * y
  }
  for (let k = 0; k < rowP.length; k++) {
    const x = rowP[k] ?? 0
    const y = rowQ[k] ?? 0
    rowP[k] = cosine * x - sine * y
    rowQ[k] = sine * x + cosine * y
  }
}
