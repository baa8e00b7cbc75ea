// node node-child.mjs ADDRESS JSON: one load, or one plain download, in a process of its own. Prints its figures as JSON.
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { VisionEncoder } from '../../../dist/index.js'

const [address = '', json = '{}'] = process.argv.slice(2)
/** @type {{ plain?: [string, number, number], device?: 'null' | 'own', cache: string | false }} */
const task = JSON.parse(json)

/** Peak and present memory of this process in bytes; only Linux tells. */
function memory() {
  const status = readFileSync('/proc/self/status', 'utf8')
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
  return { peak: of('VmHWM'), now: of('VmRSS') }
}

/** Reads the same bytes and drops them. */
async function download([file, begin, end]) {
  const response = await fetch(new URL(file, address), { headers: { range: `bytes=${begin}-${end - 1}` } })
  let bytes = 0
  for await (const piece of response.body) bytes += piece.length
  return bytes
}

async function load() {
  const own = task.device === 'own'
  const { nullGpu } = own ? {} : await import('./null-gpu.mjs')
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const device = nullGpu ? nullGpu({ keep: task.device !== 'discarding' }) : { gpu: create([]), digest: () => '' }
  const adapter = await device.gpu.requestAdapter()
  const idle = memory().now
  const start = performance.now()
  const options = {
    gpu: device.gpu,
    cache: task.cache,
    manifest: task.manifest && JSON.parse(readFileSync(task.manifest, 'utf8')),
    precision: 'f32',
    tuning: false,
  }
  const encoder = await VisionEncoder.load(address, options)
  const ms = performance.now() - start
  const { peak } = memory()
  const { fetchedBytes, cachedBytes, weightBytes } = encoder.load
  const report = { ms, idle, peak, fetchedBytes, cachedBytes, weightBytes, digest: task.digest ? device.digest() : '' }
  return { ...report, adapter: adapter.info.description }
}

async function plain() {
  const start = performance.now()
  const bytes = await download(task.plain)
  return { ms: performance.now() - start, bytes }
}

const report = await (task.plain ? plain() : load())
if (process.env.CPU) console.error(process.cpuUsage(), JSON.stringify(process.resourceUsage()))
console.log(JSON.stringify(report))
process.exit()
