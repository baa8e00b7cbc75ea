import { readFile } from 'node:fs/promises'
import { makeManifest } from '../checkpoint/manifest.js'
import type { WeightManifest } from '../checkpoint/types.js'
import { SovitError } from '../errors.js'
import { helpOf, parseCommand, UsageError } from './args.js'
import type { Command } from './command.js'
import { localFiles, MODEL_HELP, modelRef } from './model-ref.js'
import { checkDistinct, checkWritable, writeWhole } from './output.js'
import { mb } from './progress.js'
import { readTower } from './read-tower.js'
import { CHECKPOINT_OPTIONS, checkpointOptions } from './tower-options.js'

const OPTIONS = {
  out: { value: 'FILE', help: 'JSON file to write' },
  ...CHECKPOINT_OPTIONS,
} as const

export const manifest: Command = {
  summary: 'writes the SHA-256 of all weights, for loads to check theirs by',
  help: `Usage: sovit manifest MODEL --out FILE.json [options]\n
Reads the whole tower. \`encode --manifest FILE\` and \`load({ manifest })\` then refuse any other bytes.\n
${helpOf(OPTIONS)}\n\n${MODEL_HELP}\n`,
  async run(args, signal) {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const { out } = values
    if (positionals.length !== 1)
      throw new UsageError(`One model has one manifest, but ${positionals.length} are given.`)
    if (out === undefined) throw new UsageError('--out FILE is missing: the file to write.')
    const what = checkpointOptions(values)
    await checkWritable(out)
    const ref = modelRef(positionals[0])
    await checkDistinct([out], localFiles(ref))
    await readTower(ref, what, signal, async (checkpoint, { tensors, weightBytes }, reading) => {
      const made = await makeManifest(checkpoint, tensors, reading)
      await writeWhole(out, [new TextEncoder().encode(`${JSON.stringify(made, null, 1)}\n`)], signal)
      return `${out}: hashes of ${tensors.size} tensors, ${mb(weightBytes)} MB, of ${ref.name}`
    })
  },
}

/** What a load makes of it is checked there. */
export async function readManifest(path: string): Promise<WeightManifest> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SovitError('NOT_FOUND', `There is no manifest ${path} that can be read. Check the path.`, { cause })
  })
  try {
    return JSON.parse(text) as WeightManifest
  } catch (cause) {
    throw new SovitError('BAD_OPTION', `${path} is not JSON. Write it with sovit manifest.`, { cause })
  }
}
