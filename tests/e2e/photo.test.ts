/** From a photo to what the language model reads, by the built command line, against transformers, torch and Pillow. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adapterOf, NODE, NODE_ON_MESA } from '../../scripts/dawn.mjs'
import { encodeSafetensors } from '../../src/checkpoint/safetensors-write.js'
import { testPixels } from '../fixtures/pixels.js'
import { goldenTensors } from '../support/fixture.js'
import { minCosine, nmse } from '../support/metrics.js'

/** Each of so many tokens is kept by tests/reference/make_photo_golden.py. */
const EVERY = 32
const dawn = adapterOf(NODE, 'dawn') ? NODE : NODE_ON_MESA

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sovit-photo-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function encode(args: readonly string[], [program = 'node', ...before]: readonly string[]) {
  const out = join(folder, 'out.safetensors')
  const all = [...before, 'dist/cli.js', 'encode', ...args, '--precision', 'f32', '--out', out]
  const { status, stdout, stderr } = spawnSync(program, all, { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return { stdout, tensors: tensorsIn(out) }
}

function tensorsIn(path: string) {
  return goldenTensors(Uint8Array.from(readFileSync(path)).buffer)
}

/** `toEqual` takes seconds for as much. */
function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer as ArrayBuffer)
}

function expectEqual(what: string, actual: unknown, expected: unknown, width: number): void {
  const [a, b] = [actual as Float32Array, expected as Float32Array]
  expect(a.length, what).toBe(b.length)
  expect(minCosine(a, b, width), what).toBeGreaterThanOrEqual(0.99999)
  expect(nmse(a, b), what).toBeLessThanOrEqual(1e-9)
}

describe.each([
  ['node', dawn],
  ['chromium', NODE],
] as const)('on %s', (runtime, node) => {
  test('a photo is cut as MiniCPM-V cuts it, and its tokens and queries are those of torch', () => {
    const golden = tensorsIn('tests/fixtures/goldens/photo-minicpmv-2_6.safetensors')
    const photo = ['tests/fixtures/images/large.png', '--model', 'tests/fixtures/models/minicpmv-2_6']
    const how = ['--size', 'minicpm-v', '--positions', 'navit', '--runtime', runtime]
    const { tensors, stdout } = encode([...photo, ...how], node)
    expect(stdout).toContain('slice 1,2 of 448×448, grid 32×32, 1024 tokens, resampled 8×256')
    const pieces = [...golden.keys()].filter((name) => name.startsWith('grid.')).length
    expect(pieces).toBe(7)
    expect(tensors.has(`grid.${pieces}`)).toBe(false)
    for (let i = 0; i < pieces; i++) {
      for (const name of [`grid.${i}`, `source.${i}`]) expect(tensors.get(name), name).toEqual(golden.get(name))
      expectEqual(`resampled.${i}`, tensors.get(`resampled.${i}`), golden.get(`resampled.${i}`), 256)
      const tokens = tensors.get(`last_hidden_state.${i}`) as Float32Array
      const kept = Array.from({ length: Math.ceil(tokens.length / 16 / EVERY) }, (_, row) =>
        tokens.slice(16 * EVERY * row, 16 * EVERY * row + 16),
      )
      const rows = Float32Array.from(kept.flatMap((row) => [...row]))
      expectEqual(`tokens.${i}`, rows, golden.get(`tokens.${i}`), 16)
    }
  })

  test('pixel values that were written before, and which pieces they are, give the same', () => {
    const model = ['--model', 'tests/fixtures/models/minicpmv-2_5', '--size', 'minicpm-v']
    const pixels = join(folder, 'pieces.safetensors')
    const args = ['dist/cli.js', 'preprocess', 'tests/fixtures/images/large.png', ...model, '--out', pixels]
    const { status, stderr } = spawnSync('node', args, { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
    const [direct, before] = [
      encode(['tests/fixtures/images/large.png', ...model, '--runtime', runtime], node),
      encode(['--pixels', pixels, ...model.slice(0, 2), '--runtime', runtime], node),
    ]
    expect([...before.tensors.keys()]).toEqual([...direct.tensors.keys()])
    for (const [name, data] of direct.tensors) {
      const other = before.tensors.get(name)
      expect(other && Buffer.compare(bytesOf(other), bytesOf(data)), name).toBe(0)
    }
  })

  test.each([
    ['siglip-map', 'siglip-map', '5x5', 'pooler_output', 'pooled', 8, testPixels(1, 70, 70)],
    ['minicpmv-4_6', 'minicpmv-4_6', '4x8-16x', 'merged', 'merged', 48, testPixels(1, 56, 112)],
  ] as const)('%s: what its head makes is in the file', (model, file, key, name, output, width, pixels) => {
    const golden = tensorsIn(`tests/fixtures/goldens/${file}.safetensors`)
    const input = join(folder, 'pixels.safetensors')
    const shape = [3, pixels.height, pixels.width]
    const parts = encodeSafetensors([{ name: 'pixel_values.0', dtype: 'F32', shape, data: pixels.data }])
    writeFileSync(input, Buffer.concat(parts))
    const args = ['--pixels', input, '--model', `tests/fixtures/models/${model}`, '--runtime', runtime]
    const { tensors } = encode(args, node)
    expectEqual(name, tensors.get(`${name}.0`), golden.get(`${key}.${output}.0`), width)
    expect(encode([...args, '--heads', 'none'], node).tensors.has(`${name}.0`)).toBe(false)
  })
})
