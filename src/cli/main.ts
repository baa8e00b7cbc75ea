#!/usr/bin/env node
import { SovitError } from '../errors.js'
import { suggest, UsageError } from './args.js'
import type { Command } from './command.js'
import { cache } from './cache.js'
import { convert } from './convert.js'
import { encode } from './encode.js'
import { inspect } from './inspect.js'
import { laterCommand } from './later.js'
import { manifest } from './manifest.js'
import { print } from './output.js'
import { packageVersion } from './package.js'
import { preprocess } from './preprocess.js'

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['encode', encode],
  ['preprocess', preprocess],
  ['inspect', inspect],
  ['convert', convert],
  ['manifest', manifest],
  ['cache', cache],
  ['bench', laterCommand('bench')],
])

const HELP = `SigLIP SoViT-400m/14, the vision encoder of MiniCPM-V, on WebGPU.

Usage: sovit COMMAND [options]

${[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`).join('\n')}

sovit COMMAND --help shows the options of a command; sovit --version the version.
Exit status: 0; 1 for a failure; 2 for wrong usage; 130 when interrupted.
`

/** What a shell reports for a program that SIGINT ended: 128 + 2. */
const INTERRUPTED = 130

async function run([name, ...args]: readonly string[], signal: AbortSignal): Promise<void> {
  if (name === '--help' || name === '-h' || name === 'help') return print(HELP)
  if (name === '--version') return print(`${packageVersion()}\n`)
  const names = [...COMMANDS.keys()]
  if (name === undefined) throw new UsageError(`No command is given. Use one of: ${names.join(', ')}.`)
  const command = COMMANDS.get(name)
  if (!command)
    throw new UsageError(`There is no command ${name}.${suggest(name, names)} Use one of: ${names.join(', ')}.`)
  if (args.includes('--help') || args.includes('-h')) return print(command.help)
  return command.run(args, signal)
}

/** The one line on stderr, and the exit status. */
function explain(error: unknown): { readonly line: string; readonly status: number } {
  const message = (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ')
  if (error instanceof UsageError) return { line: `USAGE: ${message} sovit --help shows how it is used.`, status: 2 }
  if (!(error instanceof SovitError)) return { line: `UNEXPECTED: ${message}`, status: 1 }
  return { line: `${error.code}: ${message}`, status: error.code === 'ABORTED' ? INTERRUPTED : 1 }
}

const abort = new AbortController()
// Once: a second Ctrl-C ends the process at once, should the first not do.
process.once('SIGINT', () => abort.abort())
// `print` tells; without a listener it would end the process first.
process.stdout.on('error', () => undefined)

try {
  await run(process.argv.slice(2), abort.signal)
  // Dawn's threads and an idle browser connection would keep the process alive.
  process.exit(0)
} catch (error) {
  const { line, status } = explain(error)
  process.stderr.write(`sovit: ${line}\n`, () => process.exit(status))
}
