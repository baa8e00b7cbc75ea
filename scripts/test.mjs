// npm test: builds, runs every lane one after another, and ends with the line `N passed, N failed`.
// `node scripts/test.mjs LANE... [VITEST ARG...]` runs some of them, or a part: the path of a file, `-t 'words of a name'`.
// A lane that cannot run here fails when CI is set, and is only counted as missing on a contributor's machine.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { findChromium, installChromium, NO_CHROMIUM } from './browser.mjs'
import { adapterOf, NODE, NODE_ON_MESA } from './dawn.mjs'

const VITEST = 'node_modules/vitest/vitest.mjs'
const inCi = Boolean(process.env['CI'])

/** What a lane needs: returns how to start Node for it and what it runs on, or why it is missing. */
const LANES = {
  unit: () => ({ node: NODE, on: `Node ${process.version}` }),
  'gpu-node': () => {
    for (const node of [NODE, NODE_ON_MESA]) {
      const adapter = adapterOf(node, 'dawn')
      if (adapter) return { node, on: `Dawn in Node, ${adapter}` }
    }
    return {
      missing: 'Dawn finds no Vulkan, Metal or D3D12 adapter, and scripts/mesa.sh could not fetch a software one.',
    }
  },
  'gpu-browser': () => chromiumLane(),
  e2e: () => chromiumLane(),
}

function chromiumLane() {
  const path = findChromium() ?? (inCi ? installChromium() : undefined)
  if (!path) return { missing: NO_CHROMIUM }
  const adapter = adapterOf(NODE, 'chromium')
  return adapter ? { node: NODE, on: `${path}, ${adapter}` } : { missing: `${path} offers no WebGPU adapter.` }
}

function run(program, args) {
  return spawnSync(program, args, { stdio: 'inherit', env: { ...process.env, NO_COLOR: inCi ? '1' : undefined } })
    .status
}

/** Runs one lane and counts its tests; a lane that breaks outside its tests counts as one more failure. */
function runLane(name, vitestArgs) {
  const { node, on, missing } = LANES[name]()
  if (missing) {
    console.log(`\n== ${name}: MISSING. ${missing}`)
    return { name, passed: 0, failed: inCi ? 1 : 0, skipped: 0, missing: true }
  }
  console.log(`\n== ${name}: ${on}`)
  const report = `test-results/${name}.json`
  rmSync(report, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const [program, ...args] = node
  const status = run(program, [...args, VITEST, 'run', '--project', name, ...reporters, ...vitestArgs])
  const { passed, failed, skipped } = countTests(report)
  return { name, passed, failed: failed === 0 && status !== 0 ? 1 : failed, skipped, missing: false }
}

function countTests(report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, 'utf8'))
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

const given = process.argv.slice(2)
// No lane has these; and `npm run test:unit -- FILE` hands over FILE without the dashes.
const first = given.findIndex((word) => /^-|[/.]/.test(word))
const lanes = first < 0 ? given : given.slice(0, first)
const vitestArgs = first < 0 ? [] : given.slice(given[first] === '--' ? first + 1 : first)
const unknown = lanes.find((name) => !(name in LANES))
if (unknown) {
  console.error(`scripts/test.mjs: there is no lane '${unknown}'; lanes: ${Object.keys(LANES).join(', ')}`)
  process.exit(2)
}
const wanted = lanes.length > 0 ? lanes : Object.keys(LANES)

// unit looks at the built package, e2e drives the built page and command line.
if (wanted.includes('unit') || wanted.includes('e2e')) {
  for (const script of ['build', ...(wanted.includes('e2e') ? ['build:demo'] : [])]) {
    if (spawnSync(`npm run --silent ${script}`, { stdio: 'inherit', shell: true }).status !== 0) {
      console.log(`\nnpm run ${script} failed\n0 passed, 1 failed`)
      process.exit(1)
    }
  }
}

const results = wanted.map((name) => runLane(name, vitestArgs))
console.log()
for (const { name, passed, failed, skipped, missing } of results) {
  console.log(`${name.padEnd(12)} ${missing ? 'missing' : `${passed} passed, ${failed} failed, ${skipped} skipped`}`)
}
const missing = results.filter((result) => result.missing).length
if (missing > 0) console.log(`warning: ${missing} of ${wanted.length} lanes did not run on this machine`)
const sum = (key) => results.reduce((total, result) => total + result[key], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed`)
process.exit(sum('failed') > 0 ? 1 : 0)
