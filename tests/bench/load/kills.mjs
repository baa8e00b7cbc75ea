// Loads that are killed at random moments, and what the next load makes of what they have kept.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * @param {string[]} node the command of a child
 * @param {(task: object) => Promise<object>} load runs a child to its end
 * @returns {Promise<{ kills: number, same: number, midway: number, kept: number }>} how many ended in the same bits, were
 *   killed amid the weights, and the share of bytes that the second loads found kept, on average of those
 */
export async function measureKills(node, address, load, kills) {
  const folder = mkdtempSync(join(tmpdir(), 'sovit-kills-'))
  const task = { device: 'keeping', cache: folder, digest: true }
  const empty = () => rmSync(folder, { recursive: true, force: true })
  try {
    const whole = await load(task)
    const shares = []
    let same = 0
    for (let i = 0; i < kills; i++) {
      empty()
      await killed(node, [address, JSON.stringify({ ...task, digest: false })], Math.random() * whole.ms * 1.2)
      const resumed = await load(task)
      if (resumed.digest === whole.digest) same++
      if (resumed.cachedBytes > 0) shares.push(resumed.cachedBytes / (resumed.cachedBytes + resumed.fetchedBytes))
    }
    const kept = shares.reduce((sum, share) => sum + share, 0) / shares.length
    return { kills, same, midway: shares.length, kept }
  } finally {
    empty()
  }
}

/** Not asked to stop: the process is gone in the midst of whatever it does. */
function killed([program, ...before], args, ms) {
  return new Promise((resolve) => {
    const child = spawn(program, [...before, ...args], { stdio: 'ignore' })
    setTimeout(() => child.kill('SIGKILL'), ms)
    child.on('close', resolve)
  })
}
