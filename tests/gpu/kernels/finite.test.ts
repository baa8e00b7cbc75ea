import { beforeAll, describe, expect, it } from 'vitest'
import { finite } from '../../../src/gpu/kernels/finite.js'
import { finiteNaive } from '../../../src/gpu/kernels/naive/finite.js'
import { testDevice } from '../../support/device.js'
import { bf16ToNumber, f16ToNumber } from '../../support/numbers.js'
import { runKernel } from '../../support/run-kernel.js'

let device: GPUDevice
beforeAll(async () => {
  device = await testDevice()
})

const FORMS = ['f32', 'f16', 'bf16'] as const
type Form = (typeof FORMS)[number]

interface Options {
  readonly first?: number
  readonly count?: number
  readonly kernel?: typeof finite
}

/** The status words after a look at `count` words from `first` on, for the second of three tensors. */
async function look(from: Form, weights: Uint32Array, options: Options = {}) {
  const { first = 0, count = weights.length - first, kernel = finite } = options
  const inputs = { weights, status: new Uint32Array(3), size: Uint32Array.of(count, first, 1, 0) }
  const { status } = await runKernel(device, kernel(from), inputs, { E: count, words: weights.length, tensors: 3 })
  return [...(status ?? [])]
}

const FINE = [0, 0, 0]
const BAD = [0, 2, 0]
/** Bits of NaN and infinities of either sign. */
const WRONG: Readonly<Record<Form, readonly number[]>> = {
  f32: [0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001],
  f16: [0x7c00, 0xfc00, 0x7e00, 0xfe01, 0x7c01],
  bf16: [0x7f80, 0xff80, 0x7fc0, 0xffc1, 0x7f81],
}

describe.each(FORMS)('weights of %s', (from) => {
  const ofHalves = (halves: readonly number[]) => new Uint32Array(Uint16Array.from(halves).buffer)

  it('are fine in every finite pattern', async () => {
    const number = from === 'f16' ? f16ToNumber : bf16ToNumber
    const halves = Array.from({ length: 65536 }, (_, i) => i).filter((half) => Number.isFinite(number(half)))
    const words =
      from === 'f32'
        ? Uint32Array.from(halves.flatMap((half) => [half << 16, (half << 16) | 0xffff]))
        : ofHalves(halves)
    expect(await look(from, words)).toEqual(FINE)
    expect(await look(from, words, { kernel: finiteNaive })).toEqual(FINE)
  })

  it.each(WRONG[from])('are not with the bits %d, wherever they lie', async (bits) => {
    // Around the ends of what a thread and a workgroup look at.
    for (const at of [0, 1, 63, 64, 1023, 1024, 1025, 2999]) {
      for (const shift of from === 'f32' ? [0] : [0, 16]) {
        const words = new Uint32Array(3000).fill(0x3c003c00)
        words[at] = from === 'f32' ? bits : ((bits << shift) | (0x3c00 << (16 - shift))) >>> 0
        expect(await look(from, words)).toEqual(BAD)
        expect(await look(from, words, { kernel: finiteNaive })).toEqual(BAD)
      }
    }
  })

  it('are looked at in their own run only', async () => {
    const words = new Uint32Array(5000).fill(0xffffffff)
    for (const [first, count] of [
      [1, 1],
      [100, 1024],
      [3, 4000],
    ] as const) {
      const around = words.slice().fill(0, first, first + count)
      expect(await look(from, around, { first, count })).toEqual(FINE)
      around[first + count - 1] = 0xffffffff
      expect(await look(from, around, { first, count })).toEqual(BAD)
    }
  })
})

it('spreads more than 65535 workgroups over two dimensions', () => {
  expect(finite('bf16').workgroups({ E: 65535 * 16384 })).toEqual([65535, 1, 1])
  expect(finite('bf16').workgroups({ E: 65535 * 16384 + 1 })).toEqual([65535, 2, 1])
})
