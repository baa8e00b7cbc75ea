import { logitTensors } from '../checkpoint/logit-scale.js'
import type { Checkpoint, StreamOptions, TensorInfo } from '../checkpoint/types.js'
import type { DescribedTower } from '../encoder/describe.js'
import { choice, helpOf, parseCommand, UsageError } from './args.js'
import type { Command } from './command.js'
import { localFiles, MODEL_HELP, modelRef, type ModelRef } from './model-ref.js'
import { checkDistinct, checkWritable } from './output.js'
import { mb } from './progress.js'
import { readTower } from './read-tower.js'
import { writeTower, type TensorToStore, type TowerWeights } from './tower-file.js'
import { CHECKPOINT_OPTIONS, checkpointOptions } from './tower-options.js'
import { towerRecord } from './tower-record.js'

const OPTIONS = {
  out: { value: 'FILE', help: 'safetensors file to write' },
  weights: { value: 'W', help: 'stored (default): bit for bit; int8: matrices of the blocks, docs/int8.md' },
  ...CHECKPOINT_OPTIONS,
} as const

export const convert: Command = {
  summary: 'writes a file of the vision tower and its heads alone; --weights int8 halves it',
  help: `Usage: sovit convert MODEL --out FILE.safetensors [options]\n\n${helpOf(OPTIONS)}\n\n${MODEL_HELP}
A local .npz file of big_vision is converted too.\n`,
  async run(args, signal) {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const { out } = values
    const [name = ''] = positionals
    if (positionals.length !== 1)
      throw new UsageError(`One model can be converted, but ${positionals.length} are given.`)
    if (out === undefined) throw new UsageError('--out FILE is missing: the file to write.')
    const weights = choice('weights', values.weights ?? 'stored', ['stored', 'int8'])
    const what = checkpointOptions(values)
    await checkWritable(out)
    if (name.endsWith('.npz')) {
      if (values.layout !== undefined || values.merge !== undefined)
        throw new UsageError('An .npz file has one layout, and no merger: leave out --layout and --merge.')
      await checkDistinct([out], [name])
      return (await import('./npz/convert-npz.js')).convertNpz(name, out, { weights, signal, heads: what.heads })
    }
    const ref = modelRef(name)
    await checkDistinct([out], localFiles(ref))
    await readTower(ref, what, signal, async (checkpoint, tower, reading) => {
      const { tensors, bytes } = await write(out, ref, checkpoint, tower, weights, reading)
      return `${out}: ${tensors} tensors, ${mb(bytes)} MB, of ${mb(tower.weightBytes)} MB of ${ref.name}`
    })
  },
}

async function write(
  out: string,
  ref: ModelRef,
  checkpoint: Checkpoint,
  { model, tensors, metadata }: DescribedTower,
  weights: TowerWeights,
  reading: StreamOptions,
): Promise<{ readonly tensors: number; readonly bytes: number }> {
  const timm = model.layout.endsWith('timm')
  const toStore = new Map<TensorInfo, TensorToStore>(
    [...tensors].map(([canonical, tensor]) => {
      const { dtype, shape } = tensor
      return [tensor, { canonical, name: timm ? canonical : ownName(tensor), dtype, shape }]
    }),
  )
  // What makes scores of SigLIP's embeddings belongs to the head, wherever it lies.
  const logits = model.config.pooling ? await logitTensors(checkpoint, reading.signal) : []
  for (const tensor of logits) {
    const { name, dtype, shape } = tensor
    toStore.set(tensor, { canonical: null, name, dtype, shape })
  }
  // A file that was converted before keeps its origin, and its int8.
  const kept = [...metadata].filter(([key]) => /^sovit\.(source|revision|weights)$/.test(key))
  const origin = kept.length > 0 ? Object.fromEntries(kept) : originOf(ref)
  const how = { weights, metadata: towerRecord(origin, model, weights) }
  return writeTower(out, [...toStore.values()], how, (sinks) => {
    const sinkOf = new Map([...toStore].map(([tensor, stored]) => [tensor, sinks.get(stored)]))
    return checkpoint.stream(
      toStore.keys(),
      ({ tensor, bytes, offset }) => sinkOf.get(tensor)?.(bytes, offset),
      reading,
    )
  })
}

/**
 * Names stay as the source has them, since each of its readers looks for these; the parts of a packed tensor get those
 * that they would have by themselves. (Of timm's names, which pack every block, none stay.)
 */
function ownName({ name, part }: TensorInfo): string {
  return part === undefined ? name : name.replace(/[^.]+$/, part)
}

/** Neither folders of this machine nor the signature of an address goes into a file that may be published. */
function originOf({ source }: ModelRef): Record<string, string> {
  if (!(source instanceof URL)) return { 'sovit.source': source.repo, 'sovit.revision': source.revision }
  const { protocol, host, pathname } = source
  const name = pathname.replace(/\/$/, '').split('/').at(-1) ?? ''
  return { 'sovit.source': protocol === 'file:' ? decodeURIComponent(name) : `${protocol}//${host}${pathname}` }
}
