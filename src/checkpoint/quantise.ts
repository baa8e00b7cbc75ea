/** Weights as int8, docs/int8.md: symmetric, one scale for each row (output channel). */
import { SovitError } from '../errors.js'
import { DTYPE_BITS } from './dtype.js'
import { floatToHalf, halfToFloatBits, toFloat32 } from './half.js'
import type { TensorToPlace } from './safetensors-write.js'

export interface QuantisedRows {
  readonly codes: Int8Array<ArrayBuffer>
  /** f16 bits. */
  readonly scales: Uint16Array<ArrayBuffer>
}

/** Quantises a matrix whose bytes come piece by piece, wherever they are cut. */
export class RowQuantiser {
  readonly columns: number
  readonly #tensor: TensorToPlace
  readonly #rowBytes: number
  /** The beginning of a row whose end has not come yet. */
  #rest = new Uint8Array()

  constructor(tensor: TensorToPlace) {
    this.#tensor = tensor
    this.columns = tensor.shape[1] ?? 1
    this.#rowBytes = (this.columns * DTYPE_BITS[tensor.dtype]) / 8
  }

  /** The rows that `bytes` complete. */
  push(bytes: Uint8Array): QuantisedRows {
    const all = new Uint8Array(this.#rest.length + bytes.length)
    all.set(this.#rest)
    all.set(bytes, this.#rest.length)
    const rows = Math.floor(all.length / this.#rowBytes)
    this.#rest = all.slice(rows * this.#rowBytes)
    const codes = new Int8Array(rows * this.columns)
    const scales = new Uint16Array(rows)
    for (let row = 0; row < rows; row++) {
      const stored = all.subarray(row * this.#rowBytes, (row + 1) * this.#rowBytes)
      const into = codes.subarray(row * this.columns, (row + 1) * this.columns)
      scales[row] = this.#quantise(toFloat32(this.#tensor.dtype, stored), into)
    }
    return { codes, scales }
  }

  /** `codes` = row / scale to the nearest, ties to even; the scale is rounded to f16 first, so that codes know it. */
  #quantise(row: Float32Array, codes: Int8Array): number {
    let most = 0
    for (const value of row) most = Math.max(most, Math.abs(value)) // NaN stays
    const half = floatToHalf(Math.fround(most / 127))
    if (!(half < INFINITE_HALF)) {
      const { name } = this.#tensor
      throw new SovitError(
        'F16_OVERFLOW',
        `Tensor '${name}' holds NaN, or a value too large for int8. Leave it as stored.`,
      )
    }
    const scale = floatOf(half)
    // All of a row so small that no f16 can scale it is zero.
    if (scale > 0) for (let i = 0; i < row.length; i++) codes[i] = code(Math.fround((row[i] ?? 0) / scale))
    return half
  }
}

const INFINITE_HALF = 0x7c00

function code(quotient: number): number {
  const up = Math.round(quotient)
  const nearest = up - quotient === 0.5 && up % 2 !== 0 ? up - 1 : up
  return Math.min(127, Math.max(-127, nearest))
}

function floatOf(half: number): number {
  return new Float32Array(Uint32Array.of(halfToFloatBits(half)).buffer)[0] ?? 0
}

/** As a file has them. */
export function halves(values: Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
