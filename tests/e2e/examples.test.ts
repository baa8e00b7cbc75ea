/** The examples, as a reader of the README runs them. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { adapterOf, NODE, NODE_ON_MESA } from '../../scripts/dawn.mjs'

interface Golden {
  readonly picture: string
  readonly side: number
  readonly labels: string[]
  readonly probabilities: number[]
}

const dawn = adapterOf(NODE, 'dawn') ? NODE : NODE_ON_MESA

test("zero-shot prints transformers' scores of a picture", () => {
  const texts = 'tests/fixtures/zero-shot-texts.json'
  const golden = JSON.parse(readFileSync(texts, 'utf8')) as Golden
  const model = './tests/fixtures/models/siglip-map/'
  const picture = `tests/fixtures/images/${golden.picture}`
  const [program = 'node', ...before] = dawn
  const args = [...before, 'examples/zero-shot.mjs', model, picture, texts, String(golden.side)]
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  expect({ status, stderr: stderr.replace(/^Warning:.*\n/gm, '') }).toEqual({ status: 0, stderr: '' })
  const lines = stdout.trimEnd().split('\n')
  expect(lines.map((line) => line.replace(/^.*%\s+/, ''))).toEqual(golden.labels)
  lines.forEach((line, i) => {
    // Two places are printed; precision `auto` may be f16.
    expect(Math.abs(parseFloat(line) - 100 * (golden.probabilities[i] ?? NaN))).toBeLessThanOrEqual(0.02)
  })
})
