/** What `sovit/nano` says of the files beside the built-in model, read here once more as plain tensors. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { toFloat32 } from '../../src/checkpoint/half.js'
import { readSafetensors } from '../../src/checkpoint/safetensors-read.js'
import type { EncodeInput } from '../../src/encoder/types.js'
import { loadLabels, selfCheck } from '../../src/nano.js'

const { names, emoji, vectors, patch, pooled } = await loadLabels()

function tensorOf(file: string, name: string): { readonly shape: readonly number[]; readonly data: Float32Array } {
  const tensor = readSafetensors(readFileSync(`weights/nano/${file}.safetensors`)).get(name)
  if (!tensor) throw new Error(`weights/nano/${file}.safetensors has no ${name}`)
  return { shape: tensor.shape, data: toFloat32(tensor.dtype, tensor.data) }
}

describe('loadLabels', () => {
  test('has a row for each name, as long as a token', () => {
    const { hidden_size: channels } = JSON.parse(readFileSync('weights/nano/config.json', 'utf8')) as {
      hidden_size: number
    }
    expect(names.length).toBeGreaterThan(0)
    expect(vectors).toHaveLength(names.length * channels)
    expect(tensorOf('labels', 'labels')).toEqual({ shape: [names.length, channels], data: vectors })
  })

  test('has rows of length 1', () => {
    const channels = vectors.length / names.length
    names.forEach((name, k) => {
      const row = vectors.subarray(k * channels, (k + 1) * channels)
      expect(Math.abs(Math.hypot(...row) - 1), name).toBeLessThan(1e-6)
    })
  })

  test('has each name once, and an emoji of its own for each', () => {
    expect(new Set(names).size).toBe(names.length)
    expect(new Set(emoji).size).toBe(names.length)
    expect(emoji).toHaveLength(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z][a-z -]*$/)
    for (const one of emoji) expect(one).toMatch(/^\p{Emoji}/u)
    expect(emoji[names.indexOf('dog')]).toBe('🐶')
  })

  test('has the scores of patches and of pictures, each its own', () => {
    const stored = (name: string): number => tensorOf('labels', name).data[0] ?? NaN
    expect(patch).toEqual({ scale: stored('patch_logit_scale'), bias: stored('patch_logit_bias') })
    expect(pooled).toEqual({ scale: stored('pooled_logit_scale'), bias: stored('pooled_logit_bias') })
    expect([patch.scale, patch.bias, pooled.scale, pooled.bias].every(Number.isFinite)).toBe(true)
  })

  test('stops when it is told to', async () => {
    await expect(loadLabels({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
  })
})

describe('selfCheck', () => {
  const expected = tensorOf('expected', 'last_hidden_state.0')
  const [rows, channels] = expected.shape as [number, number]

  /** Of an encoder that gives these tokens. */
  const check = (tokens: Float32Array) => selfCheck({ encode: () => Promise.resolve({ tokens }) })

  test('finds nothing in the tokens that are expected', async () => {
    const { nmse, cosine } = await check(expected.data)
    expect(nmse).toBe(0)
    expect(cosine).toBeCloseTo(1, 12)
  })

  test('has the stored picture encoded', async () => {
    const given: EncodeInput[] = []
    await selfCheck({
      encode(input) {
        given.push(input)
        return Promise.resolve({ tokens: expected.data })
      },
    })
    const { shape, data } = tensorOf('expected', 'pixel_values.0')
    const [, height, width] = shape
    expect(given).toEqual([{ pixels: { data, height, width } }])
  })

  test('sees tokens that are too long by a quarter of their square, and no angle', async () => {
    const { nmse, cosine } = await check(expected.data.map((value) => 1.5 * value))
    expect(nmse).toBeCloseTo(0.25, 6)
    expect(cosine).toBeCloseTo(1, 6)
  })

  test('sees the one token that is wrong', async () => {
    const wrong = rows - 1
    const opposite = expected.data.map((value, i) => (i < wrong * channels ? value : -value))
    const { nmse, cosine } = await check(opposite)
    const square = (values: Float32Array): number => values.reduce((sum, value) => sum + value ** 2, 0)
    expect(nmse).toBeCloseTo((4 * square(expected.data.subarray(wrong * channels))) / square(expected.data), 6)
    expect(cosine).toBeCloseTo(-1, 12)
  })

  test('is not content with fewer tokens, nor with NaN', async () => {
    for (const tokens of [expected.data.subarray(channels), new Float32Array(expected.data.length).fill(NaN)]) {
      const { nmse, cosine } = await check(tokens)
      expect([nmse, cosine]).toEqual([NaN, NaN])
    }
  })

  test('throws what the encoder throws', async () => {
    const encoder = { encode: () => Promise.reject(new Error('no device')) }
    await expect(selfCheck(encoder)).rejects.toThrow('no device')
  })
})
