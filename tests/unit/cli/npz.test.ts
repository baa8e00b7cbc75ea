import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readSafetensors } from '../../../src/checkpoint/safetensors-read.js'
import { convert } from '../../../src/cli/convert.js'
import { modelRef } from '../../../src/cli/model-ref.js'
import { parseArrayHeader } from '../../../src/cli/npz/npy.js'
import { permute } from '../../../src/cli/npz/permute.js'
import { readEntry, readZip } from '../../../src/cli/npz/zip.js'
import { describeTower } from '../../../src/encoder/load.js'
import { eachWithOutFile } from '../../support/out-file.js'
import { npyOf, zipOf, type ZipForm } from '../../support/zip.js'
import { expectError } from '../checkpoint/safetensors-cases.js'

const MODELS = 'tests/fixtures/models'
// Made by tests/reference/families/big_vision.py: the tower of siglip-map.
const PLAIN = `${MODELS}/big-vision/big-vision.npz`
const SCANNED = `${MODELS}/big-vision-scanned/big-vision-scanned.npz`

const at = eachWithOutFile()

const signal = new AbortController().signal
const run = (...args: string[]) => convert.run([...args, '--out', at.out], signal)
const describeOut = () => describeTower(pathToFileURL(at.out), {})

/** The files of an archive. */
async function filesIn(path: string): Promise<Map<string, Buffer>> {
  const file = await open(path)
  const files = new Map<string, Buffer>()
  for (const entry of await readZip(file)) {
    const pieces: Uint8Array[] = []
    for await (const piece of readEntry(file, entry)) pieces.push(piece.slice())
    files.set(entry.name, Buffer.concat(pieces))
  }
  await file.close()
  return files
}

/** A .npz file in the test's folder. */
function write(files: ReadonlyMap<string, Uint8Array>, form?: ZipForm): string {
  const path = join(at.folder, 'made.npz')
  writeFileSync(path, zipOf(files, form))
  return path
}

/** The same array, its header written anew. */
function withHeader(array: Buffer | undefined, descr: string, shape: readonly number[], form?: object): Buffer {
  const file = array ?? Buffer.of()
  return npyOf(descr, shape, file.subarray(parseArrayHeader(file, '').bytes), form)
}

/** What was written of siglip-map's tensors, which is under other names there. */
function expectTower(written: string, weights = readSafetensors(readFileSync(written))): void {
  const expected = readSafetensors(readFileSync(`${MODELS}/siglip-map/model.safetensors`))
  let compared = 0
  for (const [name, { data, shape, dtype }] of weights) {
    if (name.startsWith('logit_')) continue
    const [, stem = '', part = '', kind = ''] = /^(head\.attention\.)([qkv])_proj\.(weight|bias)$/.exec(name) ?? []
    const whole = expected.get(`vision_model.${stem ? `${stem}in_proj_${kind}` : name}`)
    const third = (whole?.data.length ?? 0) / 3
    const at = third * ['q', 'k', 'v'].indexOf(part)
    const same = part ? whole?.data.subarray(at, at + third) : whole?.data
    expect(Buffer.compare(data, same ?? Buffer.of()), name).toBe(0)
    if (!part && name !== 'head.probe' && name !== 'embeddings.position_embedding.weight') {
      expect({ shape, dtype }, name).toEqual({ shape: whole?.shape, dtype: 'F32' })
    }
    compared++
  }
  expect(compared).toBe(52)
}

describe('convert of big_vision', () => {
  it.each([
    ['a group for each block', PLAIN],
    ['blocks stacked', SCANNED],
  ])('%s: the tensors that the reference was made of, bit for bit', async (_, path) => {
    await run(path)
    expectTower(at.out)
    const { model, skipped } = await describeOut()
    expect(model).toMatchObject({ layout: 'bare', family: 'siglip', dtype: 'F32' })
    expect(model.config).toMatchObject({ layers: 2, width: 8, heads: 2, mlp: 20, gelu: 'tanh', pooling: { mlp: 20 } })
    expect(skipped).toEqual([])
    expect(at.said.text()).toMatch(/: 54 tensors, .*npz\n$/)
  })

  it.each([
    ['deflated', { deflated: true }],
    ['with sizes of 64 bits', { wide: true }],
    ['deflated, with sizes of 64 bits and a comment', { deflated: true, wide: true, comment: 'PK\x05\x06 is no end' }],
  ])('%s, from either form', async (_, form) => {
    for (const path of [PLAIN, SCANNED]) {
      await run(write(await filesIn(path), form))
      expectTower(at.out)
    }
  })

  it('leaves the head out with --heads none', async () => {
    await run(SCANNED, '--heads', 'none')
    const { model, tensors } = await describeOut()
    expect(model.config.pooling).toBeNull()
    expect(tensors.size).toBe(37)
  })

  it('quantises as it does from other files', async () => {
    await run(PLAIN, '--weights', 'int8')
    const direct = readFileSync(at.out)
    await run(PLAIN)
    const stored = at.out
    at.out = join(at.folder, 'second.safetensors')
    await run(stored, '--weights', 'int8')
    const [a, b] = [readSafetensors(direct), readSafetensors(readFileSync(at.out))]
    for (const [name, { data }] of b) expect(Buffer.compare(data, a.get(name)?.data ?? Buffer.of()), name).toBe(0)
    expect([...b.values()].filter(({ dtype }) => dtype === 'I8')).toHaveLength(12)
  })

  it('NaFlex: flat patches and a square table are the same bytes', async () => {
    const files = await filesIn(PLAIN)
    const prefix = 'params/img/'
    files.set(`${prefix}embedding/kernel.npy`, withHeader(files.get(`${prefix}embedding/kernel.npy`), '<f4', [588, 8]))
    files.set(`${prefix}pos_embedding.npy`, withHeader(files.get(`${prefix}pos_embedding.npy`), '<f4', [5, 5, 8]))
    await run(write(files))
    const { model } = await describeOut()
    expect(model).toMatchObject({ family: 'naflex', config: { embedding: 'linear', patch: 14, table: 5 } })
    const flat = readSafetensors(readFileSync(at.out)).get('embeddings.patch_embedding.weight')
    const stored = readSafetensors(readFileSync(`${MODELS}/siglip-map/model.safetensors`))
    const kernel = stored.get('vision_model.embeddings.patch_embedding.weight')
    expect(flat?.shape).toEqual([8, 588])
    // (y, x, channel) of a patch, where the convolution has (channel, y, x).
    const value = (from: typeof flat, i: number) => Buffer.from(from?.data ?? []).readFloatLE(4 * i)
    for (const [c, y, x, channel] of [
      [0, 0, 0, 0],
      [3, 5, 11, 2],
      [7, 13, 0, 1],
    ] as const) {
      expect(value(flat, c * 588 + (y * 14 + x) * 3 + channel)).toBe(
        value(kernel, ((c * 3 + channel) * 14 + y) * 14 + x),
      )
    }
  })

  it('tells SigLIP 2 by the words of its text tower', async () => {
    const files = await filesIn(PLAIN)
    files.set('params/txt/Embed_0/embedding.npy', npyOf('<f4', [256_000, 0], Buffer.of()))
    await run(write(files))
    expect(await describeOut()).toMatchObject({ model: { family: 'siglip2' }, resample: 'bilinear' })
  })

  it.each([
    ['float16, version 2', '<f2', 'F16', { version: 2 }],
    ['bfloat16 of ml_dtypes', '<V2', 'BF16', {}],
  ])('%s stays as it is', async (_, descr, dtype, form) => {
    const files = await filesIn(PLAIN)
    for (const [name, array] of files) {
      const { shape, bytes } = parseArrayHeader(array, name)
      files.set(name, npyOf(descr, shape, array.subarray(bytes, bytes + (array.length - bytes) / 2), form))
    }
    await run(write(files))
    expect((await describeOut()).model.dtype).toBe(dtype)
    const kernel = files.get('params/img/Transformer/encoderblock_1/MlpBlock_0/Dense_0/kernel.npy')
    const fc1 = readSafetensors(readFileSync(at.out)).get('encoder.layers.1.mlp.fc1.weight')
    const last = (kernel?.length ?? 0) - 2 * 8 * 20
    for (const [row, column] of [
      [0, 0],
      [19, 3],
      [7, 7],
    ] as const) {
      const source = kernel?.readUInt16LE(last + 2 * (column * 20 + row))
      expect(Buffer.from(fc1?.data ?? []).readUInt16LE(2 * (row * 8 + column))).toBe(source)
    }
  })
})

describe('what cannot be converted leaves no file behind', () => {
  const kernel = 'params/img/embedding/kernel.npy'
  const change = async (edit: (files: Map<string, Buffer>) => void, form?: ZipForm) => {
    const files = await filesIn(PLAIN)
    edit(files)
    return write(files, form)
  }
  const nothing = () => undefined

  it.each<[string, () => Promise<string> | string, string, ...(string | number)[]]>([
    ['no file', () => join(at.folder, 'absent.npz'), 'NOT_FOUND'],
    ['no archive', () => text('no archive'), 'BAD_NPZ', 'zip'],
    ['half an archive', async () => half(await change(nothing)), 'BAD_NPZ'],
    [
      'another network',
      () => write(new Map([['x.npy', npyOf('<f4', [1], Buffer.alloc(4))]])),
      'BAD_NPZ',
      'img/embedding',
    ],
    ['no arrays', () => change((files) => files.set(kernel, Buffer.from('no array'))), 'BAD_NPZ', kernel],
    [
      'doubles',
      () => change((files) => files.set(kernel, withHeader(files.get(kernel), '<f8', [14, 14, 3, 4]))),
      'BAD_NPZ',
      kernel,
    ],
    [
      "Fortran's order",
      () =>
        change((files) => files.set(kernel, withHeader(files.get(kernel), '<f4', [14, 14, 3, 8], { order: 'True' }))),
      'BAD_NPZ',
      'Fortran',
    ],
    [
      'fewer bytes than the shape',
      () => change((files) => files.set(kernel, withHeader(files.get(kernel), '<f4', [14, 14, 3, 9]))),
      'BAD_NPZ',
      kernel,
    ],
    [
      'a missing array',
      () => change((files) => files.delete('params/img/embedding/bias.npy')),
      'TENSOR_MISSING',
      'embeddings.patch_embedding.bias',
    ],
    [
      'a missing block',
      () => change((files) => deleteAll(files, 'encoderblock_0')),
      'TENSOR_MISSING',
      'intermediate_size',
    ],
    [
      'half a head',
      () => change((files) => deleteAll(files, 'MAPHead_0/MlpBlock_0/Dense_1')),
      'TENSOR_MISSING',
      'head.mlp.fc2',
    ],
  ])('%s', async (_, path, code, ...words) => {
    await expectError(run(await path()), code as 'BAD_NPZ', ...words)
    expect(readdirSync(at.folder).filter((name) => !name.endsWith('.npz'))).toEqual([])
  })

  it('a deflated one with a broken stream', async () => {
    const path = await change(nothing, { deflated: true })
    const bytes = readFileSync(path)
    bytes.fill(0xff, 200, 400)
    writeFileSync(path, bytes)
    await expectError(run(path), 'BAD_NPZ')
  })

  it('is no model for other commands, which say what to do', async () => {
    await expectError(() => modelRef(PLAIN), 'BAD_OPTION', 'sovit convert')
    await expect(run(PLAIN, '--layout', 'vpm')).rejects.toThrow('one layout')
  })

  const text = (content: string): string => {
    writeFileSync(join(at.folder, 'made.npz'), content)
    return join(at.folder, 'made.npz')
  }
  const half = (path: string): string => {
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.subarray(0, bytes.length / 2))
    return path
  }
  const deleteAll = (files: Map<string, Buffer>, part: string): void => {
    for (const name of [...files.keys()]) if (name.includes(part)) files.delete(name)
  }
})

it('permute puts axes in another order', () => {
  const bytes = new Uint8Array(Uint16Array.from({ length: 24 }, (_, i) => i).buffer)
  const numbers = (shape: number[], axes: number[]) => [...new Uint16Array(permute(bytes, shape, axes, 2).buffer)]
  expect(numbers([4, 6], [1, 0]).slice(0, 5)).toEqual([0, 6, 12, 18, 1])
  // [2, 2, 3, 2] → [2, 3, 2, 2]: at.out[o, c, y, x] = in[y, x, c, o]
  const kernel = numbers([2, 2, 3, 2], [3, 2, 0, 1])
  for (let o = 0; o < 2; o++)
    for (let c = 0; c < 3; c++)
      for (let y = 0; y < 2; y++)
        for (let x = 0; x < 2; x++) expect(kernel[((o * 3 + c) * 2 + y) * 2 + x]).toBe(((y * 2 + x) * 3 + c) * 2 + o)
})
