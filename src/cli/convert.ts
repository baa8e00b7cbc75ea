import { RECORDED_CONFIG } from '../checkpoint/recorded-config.js'
import type { DescribedTower } from '../encoder/describe.js'
import { LAYOUT_NAMES } from '../model/layouts.js'
import { choice, helpOf, parseCommand, UsageError } from './args.js'
import type { Command } from './command.js'
import { localFiles, MODEL_HELP, modelRef, type ModelRef } from './model-ref.js'
import { checkDistinct, checkWritable } from './output.js'
import { mb } from './progress.js'
import { readTower } from './read-tower.js'
import { writeTower, type TowerWeights } from './tower-file.js'

const OPTIONS = {
  out: { value: 'FILE', help: 'safetensors file to write' },
  weights: { value: 'W', help: 'stored (default): bit for bit; int8: matrices of the blocks, docs/int8.md' },
  layout: { value: 'L', help: `auto (default), ${LAYOUT_NAMES.join(', ')}` },
} as const

export const convert: Command = {
  summary: 'writes a file of the vision tower alone; --weights int8 halves it',
  help: `Usage: sovit convert MODEL --out FILE.safetensors [options]\n\n${helpOf(OPTIONS)}\n\n${MODEL_HELP}\n`,
  async run(args, signal) {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const { out } = values
    if (positionals.length !== 1)
      throw new UsageError(`One model can be converted, but ${positionals.length} are given.`)
    if (out === undefined) throw new UsageError('--out FILE is missing: the file to write.')
    const weights = choice('weights', values.weights ?? 'stored', ['stored', 'int8'])
    const layout = choice('layout', values.layout ?? 'auto', ['auto', ...LAYOUT_NAMES])
    await checkWritable(out)
    const ref = modelRef(positionals[0])
    await checkDistinct([out], localFiles(ref))
    await readTower(ref, layout, signal, async (checkpoint, tower, reading) => {
      const how = { weights, metadata: metadataOf(ref, tower, weights), ...reading }
      const { tensors, bytes } = await writeTower(out, checkpoint, tower, how)
      return `${out}: ${tensors} tensors, ${mb(bytes)} MB, of ${mb(tower.weightBytes)} MB of ${ref.name}`
    })
  },
}

/** Where the tensors are from, and what their shapes do not tell. `format` is what transformers asks of a file. */
function metadataOf(ref: ModelRef, tower: DescribedTower, weights: TowerWeights): Record<string, string> {
  const { layers, width, heads, mlp, patch, table, gelu, eps } = tower.model.config
  const config = {
    num_hidden_layers: layers,
    hidden_size: width,
    num_attention_heads: heads,
    intermediate_size: mlp,
    patch_size: patch,
    image_size: table * patch,
    hidden_act: gelu === 'tanh' ? 'gelu_pytorch_tanh' : 'gelu',
    layer_norm_eps: eps,
  }
  // A file that was converted before keeps its origin, and its int8.
  const kept = [...tower.metadata].filter(([key]) => /^sovit\.(source|revision|weights)$/.test(key))
  return {
    format: 'pt',
    ...(kept.length > 0 ? Object.fromEntries(kept) : originOf(ref)),
    ...(weights === 'int8' && { 'sovit.weights': weights }),
    [RECORDED_CONFIG]: JSON.stringify(config),
  }
}

/** Neither folders of this machine nor the signature of an address goes into a file that may be published. */
function originOf({ source }: ModelRef): Record<string, string> {
  if (!(source instanceof URL)) return { 'sovit.source': source.repo, 'sovit.revision': source.revision }
  const { protocol, host, pathname } = source
  const name = pathname.replace(/\/$/, '').split('/').at(-1) ?? ''
  return { 'sovit.source': protocol === 'file:' ? decodeURIComponent(name) : `${protocol}//${host}${pathname}` }
}
