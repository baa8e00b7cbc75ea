// onnxruntime-node in a process of its own: it carries a second Dawn, and a crash of either must not end the bench.
// Answers messages { id, op, ... } with { id, result } or { id, error }:
//   load { name, file, provider }       -> milliseconds until the session is ready
//   run { name, rows, dims, element }   -> milliseconds of one run, upload and readback included
//   output { name, rows, dims, element, output } -> the values of an output
//   release { name }
import process from 'node:process'
import { createRequire } from 'node:module'

const ort = createRequire(`${process.argv[2]}/`)('onnxruntime-node')
const sessions = new Map()

function tensor({ rows, dims, element }) {
  return new ort.Tensor(element === 'f16' ? 'float16' : 'float32', rows, dims)
}

const OPERATIONS = {
  async load({ name, file, provider }) {
    const start = performance.now()
    const options = { executionProviders: [provider], logSeverityLevel: 3 }
    sessions.set(name, await ort.InferenceSession.create(file, options))
    return performance.now() - start
  },
  async run({ name, ...input }) {
    const feeds = { rows: tensor(input) }
    const start = performance.now()
    await sessions.get(name).run(feeds, ['tokens'])
    return performance.now() - start
  },
  async output({ name, output, ...input }) {
    const { [output]: result } = await sessions.get(name).run({ rows: tensor(input) }, [output])
    return result.data
  },
  async release({ name }) {
    await sessions.get(name).release()
    sessions.delete(name)
  },
}

process.on('message', async ({ id, op, ...args }) => {
  try {
    process.send({ id, result: await OPERATIONS[op](args) })
  } catch (error) {
    process.send({ id, error: String(error) })
  }
})
process.on('disconnect', () => process.exit(0))
