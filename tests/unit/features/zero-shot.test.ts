import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { zeroShot } from '../../../src/features/index.js'

interface Golden {
  readonly image: number[]
  readonly texts: number[]
  readonly scale: number
  readonly bias: number
  readonly probabilities: number[]
}
// Made by tests/reference/make_feature_goldens.py with transformers' SiglipModel.
const { cases } = JSON.parse(readFileSync('tests/fixtures/zero-shot.json', 'utf8')) as { cases: Golden[] }

describe('zeroShot', () => {
  it.each(cases)("equals SiglipModel's scores", ({ image, texts, scale, bias, probabilities }) => {
    const scores = zeroShot(Float32Array.from(image), Float32Array.from(texts), { scale, bias })
    expect(scores).toHaveLength(probabilities.length)
    scores.forEach((score, i) => expect(Math.abs(score / (probabilities[i] ?? NaN) - 1)).toBeLessThan(1e-5))
  })

  it('refuses texts of another length than the picture, with both numbers', () => {
    const wrong = () => zeroShot(new Float32Array(12), new Float32Array(30), { scale: 1, bias: 0 })
    expect(wrong).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }) as Error)
    expect(wrong).toThrow(/30 .* 12/)
  })
})
