import { describe, expect, it } from 'vitest'
import { floatToHalf } from '../../../src/checkpoint/half.js'
import { RowQuantiser } from '../../../src/checkpoint/quantise.js'
import { f16ToNumber, normals, numberToF16 } from '../../support/numbers.js'

const tensor = (rows: number, columns: number) => {
  return { name: 'w', dtype: 'F32', shape: [rows, columns], file: 'f', begin: 0, end: rows * columns * 4 } as const
}

function quantise(rows: readonly (readonly number[])[]) {
  const quantiser = new RowQuantiser(tensor(rows.length, rows[0]?.length ?? 0))
  const { codes, scales } = quantiser.push(new Uint8Array(Float32Array.from(rows.flat()).buffer))
  return { codes: [...codes], scales: [...scales].map(f16ToNumber) }
}

describe('RowQuantiser', () => {
  it('rounds ties to even, and gives each row its scale', () => {
    const { codes, scales } = quantise([
      [127, 0.5, 1.5, -0.5],
      [-254, 5, -5, 3],
    ])
    expect(scales).toEqual([1, 2])
    expect(codes.map((code) => code + 0)).toEqual([127, 0, 2, 0, -127, 2, -2, 2])
  })

  it('has zeros for rows of zeros, and for rows below what f16 can scale', () => {
    expect(
      quantise([
        [0, 0],
        [1e-9, -1e-9],
      ]),
    ).toEqual({ codes: [0, 0, 0, 0], scales: [0, 0] })
  })

  it('stays within 127 where f16 rounds the scale down', () => {
    const tiny = 127 * 1.4 * 2 ** -24 // scale 1.4 units becomes 1
    expect(quantise([[tiny, -tiny, 0, 0]]).codes).toEqual([127, -127, 0, 0])
  })

  it.each([NaN, Infinity, -Infinity, 1e7])('refuses %d', (value) => {
    expect(() => quantise([[1, value]])).toThrow("Tensor 'w'")
  })

  it('gives the same, wherever the bytes are cut', () => {
    const bytes = new Uint8Array(Float32Array.from(normals(60, 1)).buffer)
    const whole = new RowQuantiser(tensor(5, 12)).push(bytes)
    for (const cut of [1, 8, 48, 100, 239]) {
      const quantiser = new RowQuantiser(tensor(5, 12))
      const parts = [quantiser.push(bytes.subarray(0, cut)), quantiser.push(bytes.subarray(cut))]
      expect(parts.flatMap(({ codes }) => [...codes])).toEqual([...whole.codes])
      expect(parts.flatMap(({ scales }) => [...scales])).toEqual([...whole.scales])
    }
  })
})

it('floatToHalf rounds to nearest even, on every half and around every tie', () => {
  const values = Array.from({ length: 0x7c00 }, (_, half) => f16ToNumber(half))
  const ties = values.slice(1).map((value, i) => (value + (values[i] ?? 0)) / 2)
  const around = ties.flatMap((tie) => [tie, Math.fround(tie * (1 + 2 ** -22)), Math.fround(tie * (1 - 2 ** -22))])
  const all = [...values, ...around, 65519.99, 65520, 1e38, Infinity, 2 ** -30].flatMap((value) => [value, -value])
  expect(all.filter((value) => floatToHalf(value) !== numberToF16(Math.fround(value)))).toEqual([])
})
