/**
 * Sines and cosines of whole coordinates, as MiniCPM-V's resampler adds them to its keys. The released code computes them
 * with numpy in float32, and this rounds where it does: the exact sine of frame 70000 is 5e-3 away. numpy's float32 powers
 * are up to two units in the last place off on some processors, where these are the nearest: 2e-3 at frame 70000, 1e-5 at
 * coordinate 143.
 */

/**
 * For the columns and rows of a grid: entry e holds sin(e·ω) and then cos(e·ω) for ω_k = 10000^(-k / (C/4)).
 *
 * A key's first C/2 channels take the entry of its column, the others that of its row.
 *
 * @param entries rows or columns of the largest grid
 * @param C width of keys; a multiple of 4
 * @returns [entries, C/2]
 */
export function sincosTable(entries: number, C: number): Float32Array {
  return sincosRows(
    Array.from({ length: entries }, (_, e) => e),
    C / 2,
  )
}

/**
 * For the frames of a video (MiniCPM-V 4.5): row i holds sin(f·ω) and then cos(f·ω) of frame f = frames[i], for
 * ω_k = 10000^(-k / (C/2)).
 *
 * @param frames their numbers
 * @param C width of keys; even
 * @returns [frames, C]
 */
export function temporalTable(frames: readonly number[], C: number): Float32Array {
  return sincosRows(frames, C)
}

function sincosRows(positions: readonly number[], width: number): Float32Array {
  const half = width / 2
  const { fround } = Math
  const omegas = Float32Array.from({ length: half }, (_, k) => 1 / fround(10000 ** fround(k / half)))
  const table = new Float32Array(positions.length * width)
  positions.forEach((position, row) =>
    omegas.forEach((omega, k) => {
      const angle = fround(position * omega)
      table[row * width + k] = Math.sin(angle)
      table[row * width + half + k] = Math.cos(angle)
    }),
  )
  return table
}
