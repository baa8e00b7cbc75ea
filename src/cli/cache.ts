import { clear, size } from '../encoder/kept.js'
import { helpOf, parseCommand, UsageError } from './args.js'
import { CACHE_OPTION, cacheOption } from './cache-option.js'
import type { Command } from './command.js'
import { MODEL_HELP, modelRef, openable } from './model-ref.js'
import { print } from './output.js'
import { mb } from './progress.js'

const OPTIONS = {
  cache: { ...CACHE_OPTION.cache, help: 'the folder; default ~/.cache/sovit/weights' },
  clear: { help: 'deletes what is kept, of MODEL if one is given' },
} as const

export const cache: Command = {
  summary: 'tells what is kept of downloads, and deletes it',
  help: `Usage: sovit cache [--clear [MODEL]] [--cache DIR]\n\n${helpOf(OPTIONS)}\n\n${MODEL_HELP}\n`,
  async run(args) {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const [name] = positionals
    if (positionals.length > 1)
      throw new UsageError(`One model can be cleared at a time, but ${positionals.length} are given.`)
    if (name !== undefined && !values.clear) throw new UsageError('A model is named only to be cleared: add --clear.')
    const where = cacheOption(values)
    const before = await size({ cache: where })
    if (!values.clear) return print(`${mb(before)} MB are kept.\n`)
    if (name === undefined) await clear(undefined, { cache: where })
    else {
      const { source, options } = openable(modelRef(name))
      await clear(source, { ...options, cache: where })
    }
    const after = await size({ cache: where })
    return print(`${mb(before - after)} MB were deleted, ${mb(after)} MB are kept.\n`)
  },
}
