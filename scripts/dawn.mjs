import { spawnSync } from 'node:child_process'

/** Commands that run Node on this machine's own GPU drivers, and on a software driver fetched by scripts/mesa.sh. */
export const NODE = [process.execPath]
export const NODE_ON_MESA = ['bash', 'scripts/mesa.sh', '--', 'node']

/**
 * The adapter of a lane in words (see adapter.mjs), or undefined. In a process of its own: a bad driver may crash it.
 * @param {string[]} command
 * @param {'dawn' | 'chromium'} lane
 */
export function adapterOf([program = process.execPath, ...args], lane) {
  const probe = spawnSync(program, [...args, 'scripts/adapter.mjs', lane], {
    encoding: 'utf8',
    // What mesa.sh fetches, and how large it is, is for the user to see.
    stdio: ['ignore', 'pipe', program === 'bash' ? 'inherit' : 'ignore'],
  })
  return probe.status === 0 ? probe.stdout.trim() : undefined
}
