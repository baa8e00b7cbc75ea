import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Racer } from './race.js'
import { checkpointFile, writeParts, type Subject } from './subject.js'

/** PyTorch of the Python that PYTHON names, in a process of its own. */
export async function torchRacer(subject: Subject): Promise<Racer> {
  const python = process.env.PYTHON ?? 'python3'
  const { folder, positions, rows, config } = subject
  checkpointFile(subject)
  writeParts(join(folder, 'rows.f32'), [new Uint8Array(rows.buffer)])
  writeParts(join(folder, 'positions.u32'), [new Uint8Array(positions.buffer)])
  const script = join(import.meta.dirname, 'torch_peer.py')
  const args = [script, folder, ...[positions.length, config.heads, config.layers].map(String)]
  const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async (): Promise<string> => {
    const line = (await lines.next()) as IteratorResult<string, undefined>
    if (line.done) throw new Error(`${python} ended: does it have torch?`)
    return line.value
  }
  return {
    name: await answer(),
    async run() {
      child.stdin.write('run\n')
      return Number(await answer())
    },
    async hidden() {
      child.stdin.write('hidden\n')
      await answer()
      return new Float32Array(Uint8Array.from(readFileSync(join(folder, 'hidden.f32'))).buffer)
    },
    close: () => {
      child.stdin.end()
    },
  }
}
