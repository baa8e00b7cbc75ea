// npm run test:full [-- [--precision P] [--arithmetic A] [FOLDER]]: the full-size tower (417.8 M bf16 parameters) from the
// command line, against torch. FOLDER (default .cache/full) keeps the checkpoint (836 MB) and torch's tokens; what it lacks
// is made with Python.
// Takes minutes and 3 GB of memory on a CPU, so it is no part of `npm test`.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { adapterOf, NODE, NODE_ON_MESA } from '../../scripts/dawn.mjs'

const PYTHON = process.env['PYTHON'] ?? 'python3'
const REQUIREMENTS = 'tests/reference/requirements.txt'
const POLL_MS = 100

const { values, positionals } = parseArgs({
  options: { precision: { type: 'string', default: 'f32' }, arithmetic: { type: 'string', default: 'auto' } },
  allowPositionals: true,
})
const { precision, arithmetic } = values
const [folder = '.cache/full'] = positionals
const [model, pixels, expected, out] = ['model', 'pixels', 'expected', 'out'].map((name) =>
  join(folder, `${name}.safetensors`),
)

function stop(message) {
  console.error(`tests/full/run.mjs: ${message}`)
  process.exit(1)
}

function python(args, stdio = 'inherit') {
  const { status, stdout } = spawnSync(PYTHON, args, { encoding: 'utf8', stdio: ['ignore', stdio, 'inherit'] })
  if (status !== 0) stop(`${PYTHON} ${args.join(' ')} failed`)
  return stdout
}

function makeReference() {
  mkdirSync(folder, { recursive: true })
  const probe = spawnSync(PYTHON, ['-c', 'import torch, transformers, safetensors'], { stdio: 'ignore' })
  if (probe.status !== 0) {
    stop(`${PYTHON} lacks torch. Run: pip install -r ${REQUIREMENTS}, or name another one in the variable PYTHON.`)
  }
  if (!existsSync(model)) python(['tests/full/synthesise.py', folder])
  if (!existsSync(expected)) python(['tests/full/reference.py', folder])
}

function findDevice() {
  for (const node of [NODE, NODE_ON_MESA]) {
    const adapter = adapterOf(node, 'dawn')
    if (adapter) return { node, adapter }
  }
  return stop('Dawn finds no adapter, and scripts/mesa.sh could not fetch a software one.')
}

/** Most memory that a process held so far, in bytes; only Linux tells. */
function peakMemory(pid) {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN) * 1024
  } catch {
    return NaN // it has ended, or this is no Linux
  }
}

/** Runs the command line and returns what it printed, with the peak memory of its process. */
function encode([program, ...args]) {
  const numbers = ['--precision', precision, '--arithmetic', arithmetic]
  const options = [...numbers, '--runtime', 'node', '--json', '--out', out]
  const command = [...args, 'dist/cli.js', 'encode', '--pixels', pixels, '--model', model, ...options]
  console.log([program, ...command].join(' '))
  return new Promise((resolve) => {
    const child = spawn(program, command, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    let rss = NaN
    child.stdout.setEncoding('utf8').on('data', (part) => (text += part))
    const timer = setInterval(() => (rss = peakMemory(child.pid) || rss), POLL_MS)
    child.on('error', (error) => stop(error.message))
    child.on('close', (status) => {
      clearInterval(timer)
      if (status !== 0) stop(`sovit encode ended with status ${status}`)
      resolve({ report: JSON.parse(text), rss })
    })
  })
}

const exact = (value) => value.toFixed(8)
const small = (value) => value.toExponential(2)
const seconds = (ms) => `${(ms / 1e3).toFixed(1)} s`
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

/** Least cosine and most error of a precision; seconds are bounded on a software driver, which runs f32 fastest. */
const BOUNDS = { f32: { cosine: 0.99999, nmse: 1e-9, ms: 150e3 }, f16: { cosine: 0.9995, nmse: 1e-5, ms: Infinity } }

/** What was promised: [figure, measured, bound, how to print them, whether more is better]. */
function judge({ load, ms }, rss, { minCosine, nmse }) {
  const { weightBytes, gpuBytes, peakHostBytes } = load
  const bounds = BOUNDS[precision]
  return [
    ['minimum cosine of tokens', minCosine, bounds.cosine, exact, true],
    ['NMSE', nmse, bounds.nmse, small],
    ['encode, 1024 tokens', ms[0], bounds.ms, seconds],
    ['GPU bytes', gpuBytes, 1.08 * weightBytes, megabytes],
    ['JavaScript heap and buffers at load', peakHostBytes, 96e6, megabytes],
    ['peak memory of the process', rss, weightBytes + 1e9, megabytes],
  ].map(([name, value, bound, show, moreIsBetter = false]) => ({
    figure: name,
    measured: show(value),
    bound: `${moreIsBetter ? '≥' : '≤'} ${show(bound)}`,
    met: moreIsBetter ? value >= bound : value <= bound, // NaN, a figure that is missing, meets nothing
  }))
}

if (!existsSync('dist/cli.js')) stop('dist/cli.js is missing. Run: npm run build')
makeReference()
const { node, adapter } = findDevice()
const { report, rss } = await encode(node)
const errors = JSON.parse(python(['tests/full/compare.py', out, expected], 'pipe'))
const figures = judge(report, rss, errors)

console.log(`\ndevice: ${adapter}`)
console.log(`model: ${report.model.layers} layers × ${report.model.width}, ${report.model.dtype}`)
console.log(`precision: ${report.precision}, arithmetic ${report.arithmetic}`)
console.log(`load: ${seconds(report.load.ms)}, weights ${megabytes(report.load.weightBytes)}`)
console.table(Object.fromEntries(figures.map(({ figure, ...rest }) => [figure, rest])))
process.exit(figures.every(({ met }) => met) ? 0 : 1)
