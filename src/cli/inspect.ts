import type { TensorInfo } from '../checkpoint/types.js'
import { describeTower } from '../encoder/load.js'
import { helpOf, parseCommand, UsageError } from './args.js'
import { CACHE_OPTION, cacheOption } from './cache-option.js'
import type { Command } from './command.js'
import { MODEL_HELP, modelRef, openable } from './model-ref.js'
import { print } from './output.js'
import { mb } from './progress.js'
import { modelJson, modelLine } from './report.js'

const OPTIONS = { ...CACHE_OPTION, json: { help: 'one JSON object on stdout' } } as const

export const inspect: Command = {
  summary: 'shows what a checkpoint holds, without reading its weights',
  help: `Usage: sovit inspect [MODEL] [--cache DIR|off] [--json]\n\n${MODEL_HELP}\n\n${helpOf(OPTIONS)}\n`,
  async run(args, signal) {
    const { values, positionals } = parseCommand(args, OPTIONS)
    if (positionals.length > 1)
      throw new UsageError(`One model can be inspected at a time, but ${positionals.length} are given.`)
    const ref = modelRef(positionals[0])
    const { source, options } = openable(ref)
    const tower = await describeTower(source, { ...options, cache: cacheOption(values), signal })
    const { model, positions, tensors, weightBytes, skipped, metadata } = tower
    const { patch, gelu, table } = model.config
    if (values.json) {
      const json = {
        ...modelJson(ref.name, model),
        patch,
        gelu,
        positions,
        tensors: tensors.size,
        weightBytes,
        skipped: skipped.length,
        metadata: Object.fromEntries(metadata),
      }
      return print(`${JSON.stringify(json)}\n`)
    }
    const lines = [
      `model      ${modelLine(ref.name, model)}`,
      `heads      ${model.config.heads} of ${model.config.headSize}, MLP ${model.config.mlp}, GELU ${gelu}`,
      `positions  ${table}×${table} table, ${positions}; patches of ${patch}×${patch}`,
      `to read    ${tensors.size} tensors, ${mb(weightBytes)} MB`,
      ...groupsOf(tensors.values()).map((group) => `           ${group}`),
      `to skip    ${skipped.length} tensors${skipped.length > 0 ? `: ${prefixesOf(skipped).join(', ')}` : ''}`,
      ...[...metadata].map(([key, value], i) => `${(i === 0 ? 'metadata' : '').padEnd(11)}${key}: ${value}`),
    ]
    return print(`${lines.join('\n')}\n`)
  },
}

/** One line for each set of tensors that differ only in their block: name, shape, dtypes. */
function groupsOf(tensors: Iterable<TensorInfo>): string[] {
  const groups = new Map<string, { count: number; shape: string; dtypes: Set<string> }>()
  for (const { name, shape, dtype } of tensors) {
    const key = name.replace(/\.\d+\./, '.*.')
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
