// Writes the guide's table of checkpoint families from what tests/gpu/families.test.ts measured in each lane:
// `node scripts/families.mjs` after `npm run test:gpu -- tests/gpu/families.test.ts` and the same with test:browser.
// `--check` changes nothing, and fails when the table is not what the results say.
import { readFileSync, writeFileSync } from 'node:fs'

const PAGE = 'docs/guide/checkpoints.md'
const [BEGIN, END] = ['<!-- families: scripts/families.mjs -->', '<!-- /families -->']
const OUTPUTS = { tokens: '`tokens`', pooled: '`pooled`', resampled: '`resampled`', merged: '`merged`' }

const read = (path) => JSON.parse(readFileSync(path, 'utf8'))
const { families } = read('tests/fixtures/families.json')
const LANES = { node: 'Dawn', browser: 'Chromium' }
const lanes = Object.entries(LANES).map(([lane, name]) => ({ name, ...read(`test-results/families-${lane}.json`) }))

/** Entries of one name are namings of one network: one row. */
function rows() {
  const names = [...new Set(families.map(({ family }) => family))]
  return names.map((name) => {
    const models = families.filter(({ family }) => family === name)
    const [{ reference }] = models
    const checkpoints = [...new Set(models.flatMap((model) => model.checkpoints))].map((one) => `\`${one}\``)
    const outputs = [...new Set(models.flatMap((model) => model.outputs))].flatMap((one) => OUTPUTS[one] ?? [])
    const positions = [...new Set(models.flatMap(({ cases }) => cases.map((one) => one.positions)))]
    const worst = lanes.map((lane) => worstOf(lane, models))
    return [
      name,
      checkpoints.join(', '),
      outputs.sort().reverse().join(', '),
      positions.join(', '),
      reference,
      ...worst,
    ]
  })
}

/** Rounded up to a power of ten, 1e-11 at least, on which processors agree; in their last bits they do not. */
function worstOf({ measured }, models) {
  // A converted npz has the tensors of the checkpoint whose expected values it shares, bit for bit (tests/unit/cli).
  const goldens = new Set(models.map((model) => model.goldens))
  const same = families.filter((model) => goldens.has(model.goldens)).map(({ name }) => name)
  const own = measured.filter(({ model, precision }) => same.includes(model) && precision === 'f32')
  if (own.length === 0)
    throw new Error(`${models[0].name} was not measured. Run tests/gpu/families.test.ts in both lanes.`)
  const nmse = Math.max(...own.map((figure) => figure.nmse))
  return `< 1e${Math.max(-11, Math.ceil(Math.log10(nmse)))}`
}

function table() {
  const head = [
    'family',
    'checkpoints',
    'results',
    'positions',
    'proved against',
    ...lanes.map(({ name, device }) => `NMSE, ${name} on ${device}`),
  ]
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows().map(line)].join('\n')
}

const text = readFileSync(PAGE, 'utf8')
const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
if (begin < 0 || end < begin) throw new Error(`${PAGE} has no place for the table: ${BEGIN} … ${END}`)
const fresh = `${text.slice(0, begin + BEGIN.length)}\n\n${table()}\n\n${text.slice(end)}`
if (!process.argv.includes('--check')) writeFileSync(PAGE, fresh)
else if (fresh !== text) {
  console.error("The guide's table of families is not what the tests measured. Run: node scripts/families.mjs")
  process.exit(1)
}
