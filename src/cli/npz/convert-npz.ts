import { open, type FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import { DTYPE_BITS } from '../../checkpoint/dtype.js'
import { SovitError, throwIfAborted } from '../../errors.js'
import { checkNetwork } from '../../model/check.js'
import { resolveConfig, type VisionConfig } from '../../model/config.js'
import type { VisionJson } from '../../model/config-json.js'
import { familyOf } from '../../model/family.js'
import { resolveHeads } from '../../model/head-config.js'
import { headTensors } from '../../model/head-tensors.js'
import { layoutOf, LOGIT_NAMES, towerTensors } from '../../model/layouts.js'
import { print } from '../output.js'
import { mb } from '../progress.js'
import { writeTower, type Sink, type TensorToStore, type TowerWeights } from '../tower-file.js'
import { towerRecord } from '../tower-record.js'
import { elements, readBigVision, type BigVision, type Move, type NpzArray } from './big-vision.js'
import { readArrayHeader, readSlices } from './npy.js'
import { permute } from './permute.js'
import { badNpz, readZip } from './zip.js'

export interface NpzOptions {
  readonly weights: TowerWeights
  readonly heads?: 'all' | 'none'
  readonly signal: AbortSignal
}

/**
 * Writes big_vision's SigLIP as a bare tower with its head, under the names of transformers. A slice of an array is held
 * at a time. Throws `NOT_FOUND`, `BAD_NPZ`, `WRITE`, and whatever a load of the written file would.
 */
export async function convertNpz(path: string, out: string, options: NpzOptions): Promise<void> {
  const file = await open(path).catch((cause: unknown) => {
    throw new SovitError('NOT_FOUND', `There is no file ${path} that can be read. Check the path.`, { cause })
  })
  try {
    const found = readBigVision(await readArrays(file))
    const used = found.moves.filter(({ to: [name = ''] }) => options.heads !== 'none' || !name.startsWith('head.'))
    const stored = tensorsOf(used)
    const model = await check(found, stored)
    const metadata = towerRecord({ 'sovit.source': basename(path) }, model, options.weights)
    const order = [...towerTensors(model.config), ...headTensors(model.config)].map(({ name }) => name)
    const inOrder = [...order, ...LOGIT_NAMES].flatMap((name) => stored.get(name) ?? [])
    const { tensors, bytes } = await writeTower(out, inOrder, { weights: options.weights, metadata }, (sinks) =>
      fill(file, used, new Map([...sinks].map(([{ name }, sink]) => [name, sink])), options.signal),
    )
    await print(`${out}: ${tensors} tensors, ${mb(bytes)} MB, of ${path}\n`)
  } finally {
    await file.close()
  }
}

async function readArrays(file: FileHandle): Promise<ReadonlyMap<string, NpzArray>> {
  const arrays = new Map<string, NpzArray>()
  for (const entry of await readZip(file)) {
    if (!entry.name.endsWith('.npy')) continue
    arrays.set(entry.name.slice(0, -'.npy'.length), { entry, ...(await readArrayHeader(file, entry)) })
  }
  return arrays
}

function tensorsOf(moves: readonly Move[]): Map<string, TensorToStore> {
  return new Map(
    moves.flatMap(({ array, to, shape }) => {
      const { name } = array.entry
      const { dtype } = array
      if (dtype === null) throw badNpz(`${name} in it is of a type that is no weight: float32, float16, bfloat16`)
      const bytes = (elements(array.shape) * DTYPE_BITS[dtype]) / 8
      if (array.bytes + bytes !== array.entry.size) throw badNpz(`${name} in it has not the bytes of its shape`)
      if (elements(array.shape) !== to.length * elements(shape))
        throw badNpz(`${name} in it is of shape [${array.shape.join(', ')}]`)
      return to.map((canonical) => [canonical, { canonical, name: canonical, dtype, shape }] as const)
    }),
  )
}

/** The network that the tensors are of: they must be all of it, as for a load. */
async function check({ heads, vocabulary }: BigVision, stored: ReadonlyMap<string, TensorToStore>) {
  const tensors = new Map([...stored].filter(([name]) => !LOGIT_NAMES.includes(name)))
  // flax's gelu is the tanh form, its layer norms have an epsilon of 1e-6.
  const json: VisionJson = { heads, gelu: () => 'tanh' }
  const tower = resolveConfig({ tensors, json })
  const config: VisionConfig = { ...tower, ...resolveHeads(tensors, json, tower, undefined) }
  const expected = [...towerTensors(config), ...headTensors(config)]
  await checkNetwork({ config, json, expected, tensors, nameOf: (canonical) => `for ${canonical}` })
  return { config, family: familyOf(layoutOf('bare'), config, null, vocabulary) }
}

async function fill(
  file: FileHandle,
  moves: readonly Move[],
  /** By canonical name. */
  sinks: ReadonlyMap<string, Sink>,
  signal: AbortSignal,
): Promise<void> {
  for (const { array, to, from, axes } of moves) {
    const width = array.dtype === 'F32' ? 4 : 2
    let i = 0
    for await (const slice of readSlices(file, array.entry, array, elements(from) * width)) {
      throwIfAborted(signal, 'The conversion')
      await sinks.get(to[i++] ?? '')?.(permute(slice, from, axes, width), 0)
    }
  }
}
