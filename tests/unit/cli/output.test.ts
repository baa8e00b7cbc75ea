import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { localFiles, modelRef } from '../../../src/cli/model-ref.js'
import { checkDistinct, checkWritable, writeWhole } from '../../../src/cli/output.js'

const bytes = (text: string) => [new TextEncoder().encode(text)]
const refused = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as unknown }) as Error

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sovit-output-'))
  path = join(folder, 'out')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('checkDistinct', () => {
  it('lets different files pass, whether they exist or not', async () => {
    await checkDistinct([path, undefined, `${path}.png`], [join(folder, 'in'), 'https://example.com/out'])
  })

  it('refuses to write what is read, by any of its names', async () => {
    writeFileSync(path, 'precious')
    symlinkSync(path, join(folder, 'link'))
    for (const name of [path, `${folder}/./out`, join(folder, 'link')]) {
      await expect(checkDistinct([name], [path])).rejects.toThrow(refused('BAD_OPTION', /is an input/))
    }
  })

  it('refuses to write one file twice', async () => {
    await expect(checkDistinct([path, path], [])).rejects.toThrow(refused('BAD_OPTION', /written already/))
  })

  it('knows the files of a folder that is a model', async () => {
    for (const name of ['config.json', 'model-00001-of-00002.safetensors', 'tokens.safetensors']) {
      writeFileSync(join(folder, name), '')
    }
    const model = localFiles(modelRef(folder))
    await expect(checkDistinct([join(folder, 'config.json')], model)).rejects.toThrow(refused('BAD_OPTION', /input/))
    await expect(checkDistinct([join(folder, 'model-00001-of-00002.safetensors')], model)).rejects.toThrow()
    await checkDistinct([join(folder, 'tokens.safetensors')], model)
  })
})

describe('checkWritable', () => {
  it.each<[string, () => string, RegExp]>([
    ['a folder that is not there', () => join(folder, 'no', 'out'), /no does not exist/],
    ['a file as a folder', () => (writeFileSync(path, ''), join(path, 'out')), /is not a folder/],
    ['a folder', () => (mkdirSync(path), path), /is a folder/],
  ])('refuses %s', async (_, name, message) => {
    await expect(checkWritable(name())).rejects.toThrow(refused('WRITE', message))
  })

  // Root may change any file.
  it.skipIf(process.getuid?.() === 0)('refuses a file that may not be changed', async () => {
    writeFileSync(path, '')
    chmodSync(path, 0o444)
    await expect(checkWritable(path)).rejects.toThrow(refused('WRITE', /may not be changed/))
  })
})

describe('writeWhole', () => {
  it('writes all parts, over what was there, and leaves nothing else', async () => {
    writeFileSync(path, 'older and longer')
    await writeWhole(path, [...bytes('new'), ...bytes('er')])
    expect(readFileSync(path, 'utf8')).toBe('newer')
    expect(readdirSync(folder)).toEqual(['out'])
  })

  it('leaves the older file as it was when it fails or is aborted', async () => {
    writeFileSync(path, 'older')
    function* failing() {
      yield* bytes('half')
      throw new Error('disk full')
    }
    const parts = { [Symbol.iterator]: failing } as unknown as Uint8Array[]
    await expect(writeWhole(path, parts)).rejects.toThrow(refused('WRITE', /disk full/))
    await expect(writeWhole(path, bytes('new'), AbortSignal.abort())).rejects.toThrow(refused('ABORTED', /aborted/))
    expect(readFileSync(path, 'utf8')).toBe('older')
    expect(readdirSync(folder)).toEqual(['out'])
  })

  it('writes through a link', async () => {
    writeFileSync(path, 'older')
    symlinkSync(path, join(folder, 'link'))
    await writeWhole(join(folder, 'link'), bytes('new'))
    expect(readFileSync(path, 'utf8')).toBe('new')
  })

  it.skipIf(process.platform === 'win32')('writes into a pipe or a device, and does not replace it', async () => {
    execFileSync('mkfifo', [path])
    const read = readFile(path, 'utf8')
    await checkWritable(path)
    await writeWhole(path, [...bytes('a'), ...bytes('b')])
    expect(await read).toBe('ab')
    expect(readdirSync(folder)).toEqual(['out'])
  })
})
