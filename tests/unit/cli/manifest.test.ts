import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { readSafetensors } from '../../../src/checkpoint/safetensors-read.js'
import { cache } from '../../../src/cli/cache.js'
import { manifest, readManifest } from '../../../src/cli/manifest.js'
import { openCheckpoint } from '../../../src/checkpoint/open.js'
import { expectError } from '../checkpoint/safetensors-cases.js'
import { serve } from '../../support/serve.js'
import { captureStdout } from '../../support/stdout.js'

const MODEL = 'tests/fixtures/models/siglip-f32'
const signal = new AbortController().signal

let folder: string
let said: ReturnType<typeof captureStdout>
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sovit-manifest-'))
  said = captureStdout()
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

it('manifest: writes the hashes of the tower, by the names of a bare one', async () => {
  const out = join(folder, 'manifest.json')
  await manifest.run([MODEL, '--out', out], signal)
  const { tensors, ...head } = await readManifest(out)
  expect(head).toEqual({ format: 'sovit-manifest-1', pieceBytes: 2 ** 19 })
  const stored = readSafetensors(readFileSync(`${MODEL}/model.safetensors`))
  const own = [...stored].filter(([name]) => /^vision_model\.(?!neck)/.test(name))
  // Each tensor of this model is one piece.
  const expected = own.map(([name, { data }]) => [
    name.slice('vision_model.'.length),
    [createHash('sha256').update(data).digest('hex')],
  ])
  expect(tensors).toEqual(Object.fromEntries(expected))
  expect(said.text()).toContain(`hashes of ${own.length} tensors`)
})

it('manifest: what is none says so', async () => {
  await expectError(readManifest(join(folder, 'missing.json')), 'NOT_FOUND', 'missing.json')
  writeFileSync(join(folder, 'text.json'), 'no')
  await expectError(readManifest(join(folder, 'text.json')), 'BAD_OPTION', 'sovit manifest')
})

it('cache: tells what is kept, and clears one model or all', async () => {
  const server = await serve('tests/fixtures/models')
  const run = async (...args: string[]): Promise<string> => {
    said.clear()
    await cache.run([...args, '--cache', folder], signal)
    return said.text()
  }
  try {
    expect(await run()).toBe('0.0 MB are kept.\n')
    for (const model of ['siglip-f32', 'idefics2-f16']) {
      const checkpoint = await openCheckpoint(`${server.origin}/${model}/`, { cache: folder })
      await checkpoint.stream((await checkpoint.describe(checkpoint.names)).values(), () => undefined)
    }
    expect(await run()).not.toBe('0.0 MB are kept.\n')
    expect(await run('--clear', `${server.origin}/siglip-f32/`)).toMatch(
      /^0\.[1-9] MB were deleted, 0\.[1-9] MB are kept/,
    )
    expect(await run('--clear')).toContain(' 0.0 MB are kept')
    expect(readdirSync(join(folder, 'v2'))).toEqual([])
    await expect(run(`${server.origin}/siglip-f32/`)).rejects.toThrow('--clear')
  } finally {
    await server.close()
  }
})
