// What int8 costs in accuracy, layer by layer: the same picture through a model as stored and as int8, both in f32.
//   npm run test:int8 [-- MODEL [PICTURE]]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adapterOf, NODE, NODE_ON_MESA } from '../../scripts/dawn.mjs'

const [model = 'weights/nano/sovit-nano.safetensors', picture = 'tests/fixtures/images/rgb8.png'] =
  process.argv.slice(2)
const [program = 'node', ...before] = adapterOf(NODE, 'dawn') ? NODE : NODE_ON_MESA

function sovit(...args) {
  const { status, stderr } = spawnSync(program, [...before, 'dist/cli.js', ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`sovit ${args.join(' ')}: ${stderr}`)
}

function tensorsIn(path) {
  const file = readFileSync(path)
  const start = 8 + Number(file.readBigUInt64LE(0))
  const header = Object.entries(JSON.parse(file.toString('utf8', 8, start)))
  return new Map(
    header.map(
      ([
        name,
        {
          shape,
          data_offsets: [begin, end],
        },
      ]) => {
        return [
          name,
          { shape, data: new Float32Array(Uint8Array.from(file.subarray(start + begin, start + end)).buffer) },
        ]
      },
    ),
  )
}

/** Squared error over squared reference, and the least and the mean cosine of a token. */
function compare(actual, { data: expected, shape: [tokens, width] }) {
  let [error, power, least, total] = [0, 0, 1, 0]
  for (let token = 0; token < tokens; token++) {
    let [aa, ee, ae] = [0, 0, 0]
    for (let i = token * width; i < (token + 1) * width; i++) {
      error += (actual[i] - expected[i]) ** 2
      aa += actual[i] ** 2
      ee += expected[i] ** 2
      ae += actual[i] * expected[i]
    }
    power += ee
    const cosine = ae / Math.sqrt(aa * ee)
    least = Math.min(least, cosine)
    total += cosine
  }
  return { nmse: error / power, least, mean: total / tokens }
}

const folder = mkdtempSync(join(tmpdir(), 'sovit-int8-'))
try {
  const int8 = join(folder, 'int8.safetensors')
  sovit('convert', model, '--out', int8, '--weights', 'int8')
  const [stored, quantised] = [model, int8].map((path, i) => {
    const out = join(folder, `${i}.safetensors`)
    sovit('encode', picture, '--model', path, '--precision', 'f32', '--hidden-states', '--out', out)
    return tensorsIn(out)
  })
  const layers = [...stored.keys()].filter((name) => name.startsWith('hidden_states')).length
  console.log('| after | NMSE | least cosine of a token | mean cosine |\n|---|---|---|---|')
  for (let layer = 0; layer <= layers; layer++) {
    const name = layer < layers ? `hidden_states.0.${layer}` : 'last_hidden_state.0'
    const { nmse, least, mean } = compare(quantised.get(name).data, stored.get(name))
    const title = layer === 0 ? 'embeddings' : layer < layers ? `block ${layer}` : 'final norm'
    console.log(`| ${title} | ${nmse.toExponential(1)} | ${least.toFixed(6)} | ${mean.toFixed(6)} |`)
  }
} finally {
  rmSync(folder, { recursive: true })
}
