import { beforeAll, expect, it } from 'vitest'
import { addSincos, type AddSincosSpec } from '../../../src/gpu/kernels/add-sincos.js'
import { sincosTable, temporalTable } from '../../../src/model/sincos.js'
import { testDevice } from '../../support/device.js'
import { compare, decode, encode, normals, random } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

interface Case extends AddSincosSpec {
  readonly P: number
  /** Frames in use. */
  readonly frames: readonly number[]
}

const ENTRIES = 70

/** Threads below and above a workgroup (64 vectors), and more workgroups than one dimension takes. */
const CASES: readonly Case[] = [
  { P: 1, C: 8, type: 'f32', frames: [] },
  { P: 33, C: 24, type: 'f32', frames: [0, 71_999] },
  { P: 5, C: 3584, type: 'f32', frames: [] },
  { P: 4700, C: 3584, type: 'f32', frames: [3, 2, 70_001] },
  { P: 7, C: 4096, type: 'f16', frames: [1] },
]

function inputsOf({ P, C, type, frames }: Case) {
  const next = random(2)
  const below = (count: number) => Math.floor(next() * count)
  return {
    x: encode(normals(P * C, 1), type),
    table: sincosTable(ENTRIES, C),
    temporal: frames.length > 0 ? temporalTable(frames, C) : new Float32Array(C).fill(NaN),
    coordinates: Uint32Array.from({ length: 4 * P }, (_, i) =>
      i % 4 < 2 ? below(ENTRIES) : i % 4 === 2 ? below(frames.length + 1) : 0,
    ),
    size: Uint32Array.of(P, 0, 0, 0),
  }
}

/** The formula in f64, on the tables' numbers. */
function reference(
  { P, C, type }: Case,
  { x, table, temporal, coordinates }: ReturnType<typeof inputsOf>,
): Float64Array {
  const half = C / 2
  return decode(x, type).map((value, i) => {
    const [p, c] = [Math.floor(i / C), i % C]
    if (p >= P) return NaN
    const [row = NaN, column = NaN, frame = NaN] = coordinates.subarray(4 * p)
    const place = table[(c < half ? column : row) * half + (c % half)] ?? NaN
    return value + place + (frame > 0 ? (temporal[(frame - 1) * C + c] ?? NaN) : 0)
  })
}

// About 4 times the worst of lavapipe and SwiftShader: nmse 1.0e-15 and maxAbs 3.0e-7 in f32, 4.3e-8 and 2.0e-3 in f16
// (lavapipe only), which is the rounding of the output.
const BOUNDS = { f32: { nmse: 4.2e-15, maxAbs: 1.2e-6 }, f16: { nmse: 1.8e-7, maxAbs: 8e-3 } }

it.for(CASES.map((of) => ({ of, name: `[${of.P},${of.C}] ${of.type}, frames ${of.frames.join()}` })))(
  'positions are added as in f64: $name',
  async ({ of }, { skip }) => {
    skip(of.type === 'f16' && !device.features.has('shader-f16'), 'no shader-f16')
    const { P, C, type, frames } = of
    const inputs = inputsOf(of)
    const { y } = await runKernel(device, addSincos(of), inputs, { P, E: ENTRIES, F: Math.max(frames.length, 1) })
    if (!y) throw new Error('add_sincos gave no y')
    const errors = compare(decode(y, type).subarray(0, P * C), reference(of, inputs))
    expect(errors.nmse).toBeLessThan(BOUNDS[type].nmse)
    expect(errors.maxAbs).toBeLessThan(BOUNDS[type].maxAbs)
  },
)

it('refuses a width that its vectors cannot halve', () => {
  expect(() => addSincos({ C: 12, type: 'f32' })).toThrow('C/2 = 6')
})
