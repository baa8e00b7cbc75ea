import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { readSafetensors } from '../../../src/checkpoint/safetensors-read.js'
import { preprocess } from '../../../src/cli/preprocess.js'
import { captureStdout } from '../../support/stdout.js'

const MODELS = 'tests/fixtures/models'
const PICTURE = 'tests/fixtures/images/noise.png'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sovit-preprocess-'))
  captureStdout()
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

async function pixelsOf(model: string, ...args: string[]) {
  const out = join(folder, 'out.safetensors')
  const signal = new AbortController().signal
  await preprocess.run([PICTURE, '--model', `${MODELS}/${model}`, '--out', out, ...args], signal)
  return readSafetensors(readFileSync(out)).get('pixel_values.0')
}

it.each([
  ['siglip-map', 'bicubic', 'bilinear'],
  ['siglip2-fixed', 'bilinear', 'bicubic'],
])('%s is resized by the %s filter unless %s is asked for', async (model, own, other) => {
  const pixels = await pixelsOf(model, '--size', '70')
  expect(pixels).toEqual(await pixelsOf(model, '--size', '70', '--resample', own))
  expect(pixels).not.toEqual(await pixelsOf(model, '--size', '70', '--resample', other))
})

it.each([
  ['whole squares of four patches', [], 112],
  ['of two, where they are merged once', ['--merge', '4x'], 84],
  ['patches, where they are not merged', ['--heads', 'none'], 98],
])('a side is %s', async (_, args, width) => {
  const pixels = await pixelsOf('minicpmv-4_6', '--size', 'native', ...args)
  expect(pixels?.shape).toEqual([3, 56, width])
})
