import { notYet } from './args.js'
import type { Command } from './command.js'

/** A documented command that this version lacks. */
export function laterCommand(name: string): Command {
  return {
    summary: 'not supported yet',
    help: `sovit ${name} is not supported yet.\n`,
    run: () => Promise.reject(notYet(`sovit ${name}`, 'Use a later version of sovit')),
  }
}
