import type { TensorInfo } from '../checkpoint/types.js'
import type { DescribedTower } from '../encoder/describe.js'
import { explain, type Choices } from '../encoder/explain.js'
import { withTower } from '../encoder/load.js'
import { helpOf, parseCommand, UsageError } from './args.js'
import { CACHE_OPTION, cacheOption } from './cache-option.js'
import type { Command } from './command.js'
import { MODEL_HELP, modelRef, openable } from './model-ref.js'
import { print } from './output.js'
import { mb } from './progress.js'
import { modelJson, modelLine } from './report.js'
import { NETWORK_OPTIONS, networkOptions } from './tower-options.js'

const OPTIONS = { ...NETWORK_OPTIONS, ...CACHE_OPTION, json: { help: 'one JSON object on stdout' } } as const

export const inspect: Command = {
  summary: 'shows what a checkpoint holds, and what is chosen for it and why, without reading its weights',
  help: `Usage: sovit inspect [MODEL] [options]\n\n${MODEL_HELP}\n\n${helpOf(OPTIONS)}\n`,
  async run(args, signal) {
    const { values, positionals } = parseCommand(args, OPTIONS)
    if (positionals.length > 1)
      throw new UsageError(`One model can be inspected at a time, but ${positionals.length} are given.`)
    const ref = modelRef(positionals[0])
    const { source, options } = openable(ref)
    const how = { ...options, ...networkOptions(values), cache: cacheOption(values), signal }
    const { tower, choices } = await withTower(source, how, (checkpoint, tower) =>
      Promise.resolve({ tower, choices: explain(checkpoint, tower, how) }),
    )
    if (values.json) return print(`${JSON.stringify(inspectJson(ref.name, tower, choices))}\n`)
    return print(`${inspectLines(ref.name, tower, choices).join('\n')}\n`)
  },
}

function inspectJson(name: string, tower: DescribedTower, choices: Choices): Readonly<Record<string, unknown>> {
  const { model, positions, resample, tensors, weightBytes, skipped, metadata } = tower
  const { patch, gelu, embedding, pooling, resampler, merger } = model.config
  return {
    ...modelJson(name, model),
    family: model.family,
    patch,
    embedding,
    gelu,
    positions,
    resample,
    pooling,
    resampler,
    merger,
    choices,
    tensors: tensors.size,
    weightBytes,
    skipped: skipped.length,
    metadata: Object.fromEntries(metadata),
  }
}

function inspectLines(name: string, tower: DescribedTower, choices: Choices): string[] {
  const { model, tensors, weightBytes, skipped, metadata } = tower
  const { heads, headSize, mlp, patch, table, embedding } = model.config
  const patches = `patches of ${patch}×${patch}${embedding === 'linear' ? ' (linear)' : ''}`
  return [
    `model      ${modelLine(name, model)}`,
    `network    ${heads} heads of ${headSize}, MLP ${mlp}, ${patches}, table ${table}×${table}`,
    ...Object.entries(choices).map(([what, { value, reason }]) => `${what.padEnd(11)}${value}: ${reason}`),
    `to read    ${tensors.size} tensors, ${mb(weightBytes)} MB`,
    ...groupsOf(tensors.values()).map((group) => `           ${group}`),
    `to skip    ${skipped.length} tensors${skipped.length > 0 ? `: ${prefixesOf(skipped).join(', ')}` : ''}`,
    ...[...metadata].map(([key, value], i) => `${(i === 0 ? 'metadata' : '').padEnd(11)}${key}: ${value}`),
  ]
}

/** One line for each set of tensors that differ only in their block: name, shape, dtypes. */
function groupsOf(tensors: Iterable<TensorInfo>): string[] {
  const groups = new Map<string, { count: number; shape: string; dtypes: Set<string> }>()
  for (const { name, part, shape, dtype } of tensors) {
    const key = name.replace(/\.\d+\./, '.*.') + (part === undefined ? '' : ` (${part})`)
    const group = groups.get(key) ?? { count: 0, shape: `[${shape.join(', ')}]`, dtypes: new Set() }
    group.count++
    groups.set(key, { ...group, dtypes: group.dtypes.add(dtype) })
  }
  const widest = Math.max(...[...groups.keys()].map((key) => key.length))
  return [...groups].map(
    ([key, { count, shape, dtypes }]) =>
      `${key.padEnd(widest)}  ${shape} ${[...dtypes].join('+')}${count > 1 ? ` × ${count}` : ''}`,
  )
}

/** The first parts of names, each with how many begin so. */
function prefixesOf(names: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const name of names) {
    const prefix = name.split('.')[0] ?? name
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1)
  }
  return [...counts].map(([prefix, count]) => `${prefix} × ${count}`)
}
