import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readSafetensors, type TensorInMemory } from '../../../src/checkpoint/safetensors-read.js'
import { readLogitScale } from '../../../src/checkpoint/logit-scale.js'
import { convert } from '../../../src/cli/convert.js'
import { describeTower, withTower } from '../../../src/encoder/load.js'
import { towerTensors } from '../../../src/model/layouts.js'
import { familyFiles, type FamilyModel } from '../../support/families.js'
import { fixtureJson } from '../../support/fixture.js'
import { serve } from '../../support/serve.js'
import { eachWithOutFile } from '../../support/out-file.js'

const MODELS = 'tests/fixtures/models'

const at = eachWithOutFile()

const signal = new AbortController().signal
const run = (...args: string[]) => convert.run([...args, '--out', at.out], signal)
const tensorsOf = (path: string) => readSafetensors(readFileSync(path))
const describeFile = (path: string) => describeTower(pathToFileURL(path), {})

/** `toEqual` takes seconds for this many bytes. */
function same(a: TensorInMemory, b: TensorInMemory | undefined): boolean {
  return a.dtype === b?.dtype && String(a.shape) === String(b.shape) && Buffer.compare(a.data, b.data) === 0
}

/** All tensors of a fixture, whatever its shards. */
function stored(model: string) {
  const files = readdirSync(`${MODELS}/${model}`).filter((name) => name.endsWith('.safetensors'))
  return new Map(files.flatMap((name) => [...tensorsOf(`${MODELS}/${model}/${name}`)]))
}

const { families } = await fixtureJson<{ families: readonly FamilyModel[] }>('tests/fixtures/families.json')
const towers = readdirSync(MODELS).filter(
  (name) => !name.startsWith('int8') && !families.some((family) => family.name === name),
)

/** A folder with the files of a family's checkpoint. */
async function folderOf(name: string): Promise<string> {
  const family = families.find((one) => one.name === name)
  if (!family) throw new Error(`There is no fixture ${name}.`)
  const path = join(at.folder, family.name)
  mkdirSync(path)
  for (const file of await familyFiles(family))
    writeFileSync(join(path, file.name), new Uint8Array(await file.arrayBuffer()))
  return path
}

/** Bytes of all tensors of a network, by canonical name. */
async function contentOf(source: string): Promise<ReadonlyMap<string, Buffer>> {
  return withTower(pathToFileURL(source), {}, async (checkpoint, { tensors }) => {
    const content = new Map([...tensors].map(([name, { begin, end }]) => [name, Buffer.alloc(end - begin)]))
    const nameOf = new Map([...tensors].map(([name, tensor]) => [tensor, name]))
    await checkpoint.stream(tensors.values(), ({ tensor, bytes, offset }) => {
      content.get(nameOf.get(tensor) ?? '')?.set(bytes, offset)
    })
    return content
  })
}

describe('convert', () => {
  it.each(towers)('%s: the tensors of the tower alone, bit for bit, in the order of the network', async (model) => {
    await run(`${MODELS}/${model}`)
    const before = await describeTower(pathToFileURL(`${MODELS}/${model}/`), {})
    const after = await describeFile(at.out)
    expect(after.model).toMatchObject({ layout: before.model.layout, dtype: before.model.dtype })
    expect(after.model.config).toEqual(before.model.config)
    expect(after.skipped).toEqual([])
    const names = towerTensors(before.model.config).map(({ name }) => name)
    expect([...after.tensors.values()].sort((a, b) => a.begin - b.begin)).toEqual(
      names.map((name) => after.tensors.get(name)),
    )
    const originals = stored(model)
    for (const [name, tensor] of tensorsOf(at.out)) expect(same(tensor, originals.get(name)), name).toBe(true)
    expect(at.said.text()).toMatch(/: \d+ tensors, .* MB/)
  })

  it.each(families.filter(({ layout }) => layout !== 'big_vision'))(
    '$name: the same network, heads included, from one file',
    async (family) => {
      const source = await folderOf(family.name)
      await run(source)
      const before = await describeTower(pathToFileURL(`${source}/`), {})
      const after = await describeFile(at.out)
      const layout = family.layout.endsWith('timm') ? 'bare' : family.layout
      expect(after.model).toEqual({ ...before.model, source: after.model.source, layout })
      expect(after).toMatchObject({ positions: before.positions, resample: before.resample, skipped: [] })
      const [from, to] = [await contentOf(`${source}/`), await contentOf(at.out)]
      expect([...to.keys()]).toEqual([...from.keys()])
      for (const [name, bytes] of to) expect(Buffer.compare(bytes, from.get(name) ?? Buffer.of()), name).toBe(0)
      const logits = (path: string) => withTower(pathToFileURL(path), {}, (checkpoint) => readLogitScale(checkpoint))
      expect(await logits(at.out)).toEqual(await logits(`${source}/`))
    },
  )

  it.each(['minicpmv-2_6', 'siglip-map', 'timm-map', 'minicpmv-4_6'])(
    '%s --heads none: the tower alone',
    async (name) => {
      const source = await folderOf(name)
      await run(source, '--heads', 'none')
      // A record of a tower that was made to run alone: no config.json may ask for its merger.
      const { tensors, model } = await describeFile(at.out)
      expect(model.config).toMatchObject({ pooling: null, resampler: null, merger: null })
      expect(tensors.size).toBe(towerTensors(model.config).length)
    },
  )

  it('records where the tensors are from, through a second conversion too', async () => {
    const server = await serve(MODELS)
    try {
      await run(`${server.origin}/siglip-erf-f16/`)
      const origin = { format: 'pt', 'sovit.source': `${server.origin}/siglip-erf-f16/` }
      const { metadata } = await describeFile(at.out)
      expect(Object.fromEntries(metadata)).toMatchObject(origin)
      const first = at.out
      at.out = join(at.folder, 'second.safetensors')
      await run(first)
      expect(readFileSync(at.out).equals(readFileSync(first))).toBe(true)
    } finally {
      await server.close()
    }
  })

  it('says nothing of the folders of this machine', async () => {
    await run(`${MODELS}/siglip-f32`)
    expect((await describeFile(at.out)).metadata.get('sovit.source')).toBe('siglip-f32')
  })

  it('refuses to write over what it reads, and leaves nothing behind a failure', async () => {
    await run(`${MODELS}/siglip-f32`)
    const bytes = readFileSync(at.out)
    await expect(run(at.out)).rejects.toMatchObject({ code: 'BAD_OPTION' })
    expect(readFileSync(at.out).equals(bytes)).toBe(true)
    const aborted = convert.run([`${MODELS}/siglip-f32`, '--out', at.out], AbortSignal.abort())
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' })
    expect(readFileSync(at.out).equals(bytes)).toBe(true)
    expect(readdirSync(at.folder)).toEqual(['out.safetensors'])
  })
})

describe('convert --weights int8', () => {
  it.each([
    ['int8-bf16', 'minicpmv-sharded-bf16'],
    ['int8-mixed', 'bare-mixed'],
  ])("%s: torch's codes and scales of %s, bit for bit", async (expected, model) => {
    await run(`${MODELS}/${model}`, '--weights', 'int8')
    const tensors = tensorsOf(at.out)
    const compared = [...stored(expected)].filter(([name]) => !name.includes('.k_proj.weight'))
    for (const [name, tensor] of compared) expect(same(tensor, tensors.get(name)), name).toBe(true)
    expect(compared.filter(([, { dtype }]) => dtype === 'I8').length).toBeGreaterThan(4)
  })

  it.each(['timm-map', 'minicpmv-2_6', 'siglip-map'])('%s: matrices of the blocks, no others', async (name) => {
    await run(await folderOf(name), '--weights', 'int8')
    const { tensors, model } = await describeFile(at.out)
    const codes = [...tensors].filter(([, { dtype }]) => dtype === 'I8').map(([canonical]) => canonical)
    expect(codes).toHaveLength(6 * model.config.layers)
    expect(codes.filter((canonical) => !canonical.startsWith('encoder.layers.'))).toEqual([])
  })

  it('leaves int8 as it is', async () => {
    await run(`${MODELS}/hot-bf16`, '--weights', 'int8')
    const first = at.out
    at.out = join(at.folder, 'second.safetensors')
    for (const weights of ['int8', 'stored']) {
      await run(first, '--weights', weights)
      expect(readFileSync(at.out).equals(readFileSync(first)), weights).toBe(true)
    }
  })

  it('puts all scales before all else, so that who needs them first can have them by one request', async () => {
    await run(`${MODELS}/hot-bf16`, '--weights', 'int8')
    const kinds = [...tensorsOf(at.out).keys()].map((name) => name.endsWith('_scale'))
    expect(kinds.indexOf(false)).toBe(12)
    expect(kinds.lastIndexOf(true)).toBe(11)
  })
})
