import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { numberToF16, f16ToNumber } from '../../support/numbers.js'
import { onnxTower, type AttentionForm } from '../onnx/tower.js'
import { peerFolder } from './install.js'
import type { Racer } from './race.js'
import { writeParts, type Subject } from './subject.js'

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** onnxruntime-node in its own process (see ort-node-child.mjs), one for all of its sessions. */
export class OrtNode {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #asked = 0

  /** @param node how to start Node on the driver that is measured */
  constructor([program = 'node', ...args]: readonly string[]) {
    const script = join(import.meta.dirname, 'ort-node-child.mjs')
    // Its Dawn and its driver print warnings, which nobody can act on.
    this.#child = spawn(program, [...args, script, peerFolder('onnxruntime-node')], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    })
    this.#child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
    this.#child.on('exit', (code, signal) => {
      for (const [id, answer] of this.#waiting) answer({ id, error: `its process ended (${String(signal ?? code)})` })
    })
  }

  /** A session of the WebGPU provider that encodes the subject. */
  async racer(subject: Subject, element: 'f32' | 'f16', attention: AttentionForm): Promise<Racer> {
    const name = `onnxruntime-node ${element}, ${attention} attention`
    const { rows, positions, folder } = subject
    const model = onnxTower({ ...subject, element, attention })
    const file = writeParts(join(folder, `${element}-${attention}.onnx`), model.parts)
    const dims = [1, positions.length, rows.length / positions.length]
    const input = { name, dims, element, rows: element === 'f16' ? Uint16Array.from(rows, numberToF16) : rows }
    await this.#ask('load', { name, file, provider: 'webgpu' })
    return {
      name,
      run: async () => (await this.#ask('run', input)) as number,
      hidden: async () => {
        const values = await this.#ask('output', { ...input, output: 'hidden' })
        return element === 'f16' ? Float32Array.from(values as Uint16Array, f16ToNumber) : (values as Float32Array)
      },
      close: async () => {
        await this.#ask('release', { name })
      },
    }
  }

  close(): void {
    this.#child.disconnect()
  }

  #ask(op: string, args: object): Promise<unknown> {
    const id = ++this.#asked
    return new Promise((resolve, reject) => {
      const answered = ({ result, error }: Answer): void => {
        if (error === undefined) resolve(result)
        else reject(new Error(`onnxruntime-node: ${error}`))
      }
      this.#waiting.set(id, answered)
      if (this.#child.connected) this.#child.send({ id, op, ...args })
      else answered({ id, error: 'its process has ended' })
    })
  }
}
