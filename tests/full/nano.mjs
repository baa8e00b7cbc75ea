// npm run test:nano [-- [--scenes N] [--precision f32|f16] [FOLDER]]: every figure of the built-in model on held-out scenes,
// by PyTorch (weights/train/evaluate.py) and by the built library on this machine's device, in one table. Ends with 1 where
// sovit misses a bar, or is off PyTorch by more than 0.005. `--scenes`: at most so many of each set. FOLDER (default
// .cache/nano) keeps the scenes, 670 MB. Takes some 20 minutes on two cores without a GPU, so it is no part of `npm test`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { adapterOf, NODE, NODE_ON_MESA } from '../../scripts/dawn.mjs'

const PYTHON = process.env['PYTHON'] ?? 'python3'
const REQUIREMENTS = 'weights/train/requirements.txt'
const MOST_OFF = 0.005
/** What is printed is the table alone: all else is progress. */
const TO_STDERR = ['ignore', 2, 2]

const {
  values: options,
  positionals: [folder = '.cache/nano'],
} = parseArgs({
  options: { scenes: { type: 'string' }, precision: { type: 'string', default: 'f32' } },
  allowPositionals: true,
})

function stop(message) {
  console.error(`tests/full/nano.mjs: ${message}`)
  process.exit(1)
}

/** Scenes and figures of PyTorch, written anew: by its status evaluate.py says whether bars are met, which it may not. */
function evaluate() {
  const probe = spawnSync(PYTHON, ['-c', 'import torch, transformers, safetensors, skimage, PIL'], { stdio: 'ignore' })
  if (probe.status !== 0) {
    stop(`${PYTHON} lacks torch. Run: pip install -r ${REQUIREMENTS}, or name another one in the variable PYTHON.`)
  }
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'figures.json')
  rmSync(path, { force: true })
  const few = options.scenes === undefined ? [] : ['--scenes', options.scenes]
  spawnSync(PYTHON, ['weights/train/evaluate.py', '--write', folder, ...few], { stdio: TO_STDERR })
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return stop(`weights/train/evaluate.py wrote no ${path}`)
  }
}

function encode([program, ...before]) {
  const args = [...before, 'tests/full/nano-sovit.mjs', folder, options.precision]
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (status !== 0) stop(`tests/full/nano-sovit.mjs ended with status ${status}`)
  return JSON.parse(stdout)
}

/** Four digits; what rounds to zero has no sign. */
const exact = (figure) => figure.toFixed(4).replace(/^-(0\.0+)$/, '$1')

/** One figure: what it is, what both say, and what is wrong with it. */
function judge(set, scenes, { name, value, bar, most }, ours) {
  const met = bar === null || (most ? ours <= bar : ours >= bar)
  const near = Math.abs(ours - value) <= MOST_OFF // never so of NaN
  return {
    cells: [
      `${set}: ${name}`,
      String(scenes),
      bar === null ? '-' : `${most ? '≤' : '≥'} ${bar.toFixed(2)}`,
      ...[value, ours, ours - value].map(exact),
    ],
    faults: [...(met ? [] : ['missed']), ...(near ? [] : ['differs'])],
  }
}

const line = ([figure, ...cells], faults) =>
  `${figure.padEnd(42)}${cells.map((cell) => cell.padStart(11)).join('')}  ${faults.join(', ')}`.trimEnd()

if (!['f32', 'f16'].includes(options.precision)) stop(`--precision is f32 or f16, not ${options.precision}`)
const node = [NODE, NODE_ON_MESA].find((command) => adapterOf(command, 'dawn'))
if (!node) stop('Dawn finds no adapter, and scripts/mesa.sh could not fetch a software one.')
const expected = evaluate()
const { device, sets } = encode(node)
const rows = Object.entries(expected).flatMap(([set, { figures }]) =>
  figures.map((figure) => judge(set, sets[set].scenes, figure, sets[set].values[figure.name])),
)

console.log(
  `${[device.vendor, device.architecture, device.description].filter(Boolean).join(', ')}, ${options.precision}`,
)
console.log(line(['', 'scenes', 'bar', 'PyTorch', 'sovit', 'difference'], []))
for (const { cells, faults } of rows) console.log(line(cells, faults))
const count = (fault) => rows.filter(({ faults }) => faults.includes(fault)).length
console.log(`${count('missed')} bars missed, ${count('differs')} figures differ by more than ${MOST_OFF}`)
process.exit(rows.every(({ faults }) => faults.length === 0) ? 0 : 1)
