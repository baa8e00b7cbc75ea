import { beforeAll, expect, it } from 'vitest'
import { transpose, type TransposeSpec } from '../../../src/gpu/kernels/transpose.js'
import { testDevice } from '../../support/device.js'
import { random } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

/** Odd and even rows, columns and counts, one and many matrices, the resampler's projection, NaFlex's patch weights, and
 * more workgroups than one dimension takes. */
const CASES: readonly TransposeSpec[] = [
  { batches: 1, rows: 1, columns: 1, bytes: 2 },
  { batches: 1, rows: 1, columns: 1, bytes: 4 },
  { batches: 3, rows: 3, columns: 5, bytes: 2 },
  { batches: 3, rows: 3, columns: 5, bytes: 4 },
  { batches: 2, rows: 7, columns: 4, bytes: 2 },
  { batches: 5, rows: 8, columns: 3, bytes: 2 },
  { batches: 1152, rows: 256, columns: 3, bytes: 2 },
  { batches: 100, rows: 256, columns: 3, bytes: 4 },
  { batches: 1, rows: 3584, columns: 3584, bytes: 2 },
]

it.each(CASES)('transposes $batches of $rows×$columns, $bytes bytes each, bit by bit', async (of) => {
  const { batches, rows, columns, bytes } = of
  const count = batches * rows * columns
  const next = random(1)
  // Any bits at all: NaN and subnormals too.
  const words = Uint32Array.from({ length: Math.ceil((count * bytes) / 4) }, () => next() * 2 ** 32)
  const elements = (of: Uint32Array) =>
    (bytes === 2 ? new Uint16Array(of.buffer, of.byteOffset) : of).subarray(0, count)
  const x = elements(words)
  const { y } = await runKernel(device, transpose(of), { x }, {})
  if (!y) throw new Error('transpose gave no y')
  const expected = new Float64Array(count)
  for (let b = 0; b < batches; b++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        expected[(b * columns + j) * rows + i] = x[(b * rows + i) * columns + j] ?? NaN
      }
    }
  }
  expect(elements(y).findIndex((value, i) => value !== expected[i])).toBe(-1)
  // What is left of the last word.
  if (bytes === 2 && count % 2 === 1) expect((y.at(-1) ?? NaN) >>> 16).toBe(0)
})

it('spreads more than 65535 workgroups over two dimensions', () => {
  const kernel = transpose({ batches: 1, rows: 3584, columns: 3584, bytes: 2 })
  expect(kernel.workgroups({})).toEqual([65_535, 2, 1])
})
