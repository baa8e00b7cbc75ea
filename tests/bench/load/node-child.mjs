// node node-child.mjs ADDRESS TASK: one load, one plain download, or hashes alone, in a process of its own. Prints its figures
// as JSON.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { create, globals } from 'webgpu'
import { VisionEncoder } from '../../../dist/index.js'
import { nullGpu } from './null-gpu.mjs'

/**
 * @typedef {{ file: string, begin: number, end: number }} Span
 * @typedef {object} Task
 * @property {Span} [plain] instead of a load: the bytes to read and drop
 * @property {number} [hashes] instead of a load: how many bytes of memory to hash
 * @property {'own' | 'keeping' | 'discarding'} [device] the machine's own, or a null device: see null-gpu.mjs
 * @property {string | false} cache
 * @property {string} [manifest] file by which all bytes are checked
 * @property {boolean} [digest] of all that reached the device; `keeping` only
 */
const [address = '', json = '{}'] = process.argv.slice(2)
/** @type {Task} */
const task = JSON.parse(json)

/** Peak and present memory of this process in bytes; only Linux tells. */
function memory() {
  const status = readFileSync('/proc/self/status', 'utf8')
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
  return { peak: of('VmHWM'), now: of('VmRSS') }
}

async function download({ file, begin, end }) {
  const start = performance.now()
  const response = await fetch(new URL(file, address), { headers: { range: `bytes=${begin}-${end - 1}` } })
  let bytes = 0
  for await (const piece of response.body) bytes += piece.length
  return { ms: performance.now() - start, bytes }
}

/** As a load does: by megabytes, of a buffer that no core's cache holds. */
function hash(bytes) {
  const buffer = new Uint8Array(12 * 2 ** 20).fill(1)
  const start = performance.now()
  for (let done = 0; done < bytes; done += 2 ** 20) {
    const at = done % buffer.length
    createHash('sha256')
      .update(buffer.subarray(at, at + 2 ** 20))
      .digest('hex')
  }
  return { ms: performance.now() - start }
}

async function load({ device, cache, manifest, digest }) {
  Object.assign(globalThis, globals)
  const stood = nullGpu({ keep: device === 'keeping' })
  const gpu = device === 'own' ? create([]) : stood.gpu
  const { device: info } = await VisionEncoder.support({ gpu })
  const hashes = manifest && JSON.parse(readFileSync(manifest, 'utf8'))
  const idle = memory().now
  const start = performance.now()
  const options = { gpu, cache, manifest: hashes, precision: 'f32', heads: 'none', tuning: false }
  const encoder = await VisionEncoder.load(address, options)
  const ms = performance.now() - start
  const above = memory().peak - idle
  const { fetchedBytes, cachedBytes, weightBytes } = encoder.load
  return {
    ms,
    above,
    fetchedBytes,
    cachedBytes,
    weightBytes,
    device: info.description,
    ...(digest && { digest: stood.digest() }),
  }
}

const done = task.plain ? download(task.plain) : task.hashes ? hash(task.hashes) : load(task)
console.log(JSON.stringify(await done))
process.exit()
