import { beforeAll, describe, expect, it } from 'vitest'
import type { Kernel } from '../../../src/gpu/kernel.js'
import { interpolatePositions, type InterpolatePositionsSpec } from '../../../src/gpu/kernels/interpolate-positions.js'
import { interpolatePositionsNaive } from '../../../src/gpu/kernels/naive/interpolate-positions.js'
import { axisTaps } from '../../../src/model/interpolation.js'
import type { StretchMode } from '../../../src/model/positions.js'
import { testDevice } from '../../support/device.js'
import { fixtureJson } from '../../support/fixture.js'
import { compare, decode, encode, normals, type FloatType } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

type Grid = readonly [number, number]

interface Goldens {
  readonly table: { readonly side: number; readonly channels: number; readonly values: number[] }
  readonly tables: { readonly mode: StretchMode; readonly grid: Grid; readonly y: number[] }[]
}

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

interface Case extends InterpolatePositionsSpec {
  readonly table: FloatType
  readonly mode: StretchMode
  /** Rows and columns of each picture of a packed batch. */
  readonly grids: readonly Grid[]
}

/** Threads below and above a workgroup (64 vectors), each form of the table, grids that shrink and grow it, and more
 * workgroups than one dimension takes. */
const CASES: readonly Case[] = [
  { C: 4, S: 2, table: 'f32', mode: 'bicubic', grids: [[1, 1]] },
  { C: 4, S: 5, table: 'bf16', mode: 'bilinear-antialias', grids: [[13, 5]] },
  { C: 36, S: 5, table: 'f16', mode: 'bicubic-antialias', grids: [[2, 9], [5, 5], [11, 1]] }, // prettier-ignore
  { C: 1152, S: 16, table: 'bf16', mode: 'bilinear-antialias', grids: [[14, 18], [4, 7]] }, // prettier-ignore
  { C: 1152, S: 27, table: 'f32', mode: 'bicubic', grids: [[5, 37]] },
  { C: 8192, S: 3, table: 'bf16', mode: 'bicubic', grids: [[47, 44]] },
]

const patchesOf = ({ grids }: Case) => grids.reduce((sum, [rows, columns]) => sum + rows * columns, 0)

/** Two entries for each grid's axes, and the patches' places among them. */
function listsOf({ grids, S, mode }: Case) {
  const taps: number[] = []
  const axes: number[] = []
  const places: number[] = []
  const bits = (weight: number) => new Uint32Array(Float32Array.of(weight).buffer)[0] ?? 0
  const add = (n: number) => {
    const first = axes.length / 4
    for (const entry of axisTaps(n, S, mode)) {
      axes.push(taps.length / 2, entry.length, 0, 0)
      taps.push(...entry.flatMap(({ index, weight }) => [index, bits(weight)]))
    }
    return first
  }
  for (const [rows, columns] of grids) {
    const [row, column] = [add(rows), add(columns)]
    for (let i = 0; i < rows * columns; i++) places.push(row + Math.floor(i / columns), column + (i % columns))
  }
  return { taps: Uint32Array.from(taps), axes: Uint32Array.from(axes), places: Uint32Array.from(places) }
}

function inputsOf(of: Case, values: ArrayLike<number> = normals(of.S * of.S * of.C, 1)) {
  return { table: encode(values, of.table), ...listsOf(of), size: Uint32Array.of(patchesOf(of), 0, 0, 0) }
}

type Inputs = ReturnType<typeof inputsOf>

async function run(kernel: Kernel, inputs: Inputs): Promise<Float32Array> {
  const sizes = { P: inputs.places.length / 2, E: inputs.axes.length / 4, N: inputs.taps.length / 2 }
  const { y } = await runKernel(device, kernel, inputs, sizes)
  if (!y) throw new Error(`${kernel.name} gave no y`)
  return new Float32Array(y.buffer, y.byteOffset, y.length)
}

/** The formula in f64, on the numbers that the formats can hold. */
function reference({ C, S, table: type }: Case, { table, places, axes, taps }: Inputs): Float64Array {
  const values = decode(table, type)
  const weights = decode(taps, 'f32')
  const y = new Float64Array((places.length / 2) * C)
  const list = (entry = 0) => {
    const [first = 0, count = 0] = axes.subarray(4 * entry)
    return Array.from(
      { length: count },
      (_, k) => [taps[2 * (first + k)] ?? 0, weights[2 * (first + k) + 1] ?? 0] as const,
    )
  }
  for (let p = 0; p < places.length / 2; p++) {
    for (const [row, wr] of list(places[2 * p])) {
      for (const [column, wc] of list(places[2 * p + 1])) {
        const at = (row * S + column) * C
        for (let c = 0; c < C; c++) y[p * C + c] = (y[p * C + c] ?? NaN) + wr * wc * (values[at + c] ?? NaN)
      }
    }
  }
  return y
}

// About 4 times the worst of lavapipe and SwiftShader: nmse 6.5e-15, maxAbs 1.4e-6.
function expectClose(actual: Float32Array, expected: ArrayLike<number>) {
  const errors = compare(actual, expected)
  expect(errors.nmse).toBeLessThan(2.6e-14)
  expect(errors.maxAbs).toBeLessThan(5.6e-6)
}

describe('interpolated positions against f64 and their naive twin', () => {
  const title = ({ C, S, table, mode, grids }: Case) => `C ${C}, S ${S} ${table}, ${mode}: ${grids.join(' and ')}`
  it.each(CASES.map((of) => [title(of), of] as const))('%s', async (_title, of) => {
    const inputs = inputsOf(of)
    const expected = reference(of, inputs)
    expectClose(await run(interpolatePositions(of), inputs), expected)
    expectClose(await run(interpolatePositionsNaive(of), inputs), expected)
  })
})

it("agree with torch's float32 tables in every mode", async () => {
  const { table, tables } = await fixtureJson<Goldens>('tests/fixtures/interpolation.json')
  for (const { mode, grid, y } of tables) {
    const of: Case = { C: table.channels, S: table.side, table: 'f32', mode, grids: [grid] }
    const errors = compare(await run(interpolatePositions(of), inputsOf(of, table.values)), y)
    // Worst of both lanes: 2.7e-13. torch rounds its weights to float32 on the way.
    expect(errors.nmse, `${mode} ${grid.join()}`).toBeLessThan(1.1e-12)
  }
})

it('gives a picture the same bits alone and packed', async () => {
  const of: Case = { C: 36, S: 5, table: 'f32', mode: 'bicubic', grids: [[2, 9], [5, 5], [11, 1]] } // prettier-ignore
  const values = normals(of.S * of.S * of.C, 3)
  const together = await run(interpolatePositions(of), inputsOf(of, values))
  let first = 0
  for (const grid of of.grids) {
    const count = grid[0] * grid[1] * of.C
    const alone = await run(interpolatePositions(of), inputsOf({ ...of, grids: [grid] }, values))
    expect(alone).toEqual(together.slice(first, (first += count)))
  }
})

it('refuses a width that its vectors cannot hold', () => {
  expect(() => interpolatePositions({ C: 38, S: 2, table: 'f32' })).toThrow('C = 38')
})
