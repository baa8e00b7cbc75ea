import { describeTower } from '../encoder/load.js'
import { helpOf, parseCommand, UsageError } from './args.js'
import type { Command } from './command.js'
import { MODEL_HELP, modelRef, openable } from './model-ref.js'
import { print } from './output.js'
import { mb } from './progress.js'
import { modelJson, modelLine } from './report.js'

const OPTIONS = { json: { help: 'one JSON object on stdout' } } as const

export const inspect: Command = {
  summary: 'shows what a checkpoint holds, without reading its weights',
  help: `Usage: sovit inspect [MODEL] [--json]\n\n${MODEL_HELP}\n\n${helpOf(OPTIONS)}\n`,
  async run(args, signal) {
    const { values, positionals } = parseCommand(args, OPTIONS)
    if (positionals.length > 1)
      throw new UsageError(`One model can be inspected at a time, but ${positionals.length} are given.`)
    const ref = modelRef(positionals[0])
    const { source, options } = openable(ref)
    const { model, positions, tensors, weightBytes } = await describeTower(source, { ...options, signal })
    const { patch, gelu, table } = model.config
    if (values.json) {
      const json = { ...modelJson(ref.name, model), patch, gelu, positions, tensors: tensors.size, weightBytes }
      return print(`${JSON.stringify(json)}\n`)
    }
    const lines = [
      `model      ${modelLine(ref.name, model)}`,
      `heads      ${model.config.heads} of ${model.config.headSize}, MLP ${model.config.mlp}, GELU ${gelu}`,
      `positions  ${table}×${table} table, ${positions}; patches of ${patch}×${patch}`,
      `weights    ${tensors.size} tensors, ${mb(weightBytes)} MB`,
    ]
    return print(`${lines.join('\n')}\n`)
  },
}
