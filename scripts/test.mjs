// npm test: builds, runs every lane one after another, and ends with the line `N passed, N failed`.
// `node scripts/test.mjs LANE... [VITEST ARG...]` runs some of them, or a part: the path of a file, `-t 'words of a name'`.
// A lane that cannot run here fails when CI is set, and is only counted as missing on a contributor's machine.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
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
      // Kernels compile on one core, and the slowest file takes a third of all.
      if (adapter) return { node, on: `Dawn in Node, ${adapter}`, parts: 3 }
    }
    return {
      missing: 'Dawn finds no Vulkan, Metal or D3D12 adapter, and scripts/mesa.sh could not fetch a software one.',
    }
  },
  // SwiftShader compiles on one core: three browsers at a time, each with some of the files.
  'gpu-browser': () => ({ ...chromiumLane(), parts: 3 }),
  e2e: () => chromiumLane(),
}

function chromiumLane() {
  const path = findChromium() ?? (inCi ? installChromium() : undefined)
  if (!path) return { missing: NO_CHROMIUM }
  const adapter = adapterOf(NODE, 'chromium')
  return adapter ? { node: NODE, on: `${path}, ${adapter}` } : { missing: `${path} offers no WebGPU adapter.` }
}

/** Resolves to the exit status. */
async function run(program, args) {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, NO_COLOR: inCi ? '1' : undefined } })
  const [status] = await once(child, 'exit')
  return status
}

/** Runs one lane and counts its tests; a lane that breaks outside its tests counts as one more failure. */
async function runLane(name, vitestArgs) {
  const { node, on, missing, parts = 1 } = LANES[name]()
  if (missing) {
    console.log(`\n== ${name}: MISSING. ${missing}`)
    return { name, passed: 0, failed: inCi ? 1 : 0, skipped: 0, missing: true }
  }
  console.log(`\n== ${name}: ${on}`)
  const whole = parts === 1 || vitestArgs.length > 0 // what was named is little
  const counts = whole
    ? [await runPart(name, node, `test-results/${name}.json`, vitestArgs)]
    : await Promise.all(
        Array.from({ length: parts }, (_, i) =>
          runPart(name, node, `test-results/${name}-${i + 1}.json`, [`--shard=${i + 1}/${parts}`]),
        ),
      )
  const sum = (key) => counts.reduce((total, count) => total + count[key], 0)
  return { name, passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped'), missing: false }
}

async function runPart(name, [program, ...args], report, vitestArgs) {
  rmSync(report, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const status = await run(program, [...args, VITEST, 'run', '--project', name, ...reporters, ...vitestArgs])
  const { passed, failed, skipped } = countTests(report)
  return { passed, failed: failed === 0 && status !== 0 ? 1 : failed, skipped }
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

const results = []
for (const name of wanted) results.push(await runLane(name, vitestArgs))
console.log()
for (const { name, passed, failed, skipped, missing } of results) {
  console.log(`${name.padEnd(12)} ${missing ? 'missing' : `${passed} passed, ${failed} failed, ${skipped} skipped`}`)
}
const missing = results.filter((result) => result.missing).length
if (missing > 0) console.log(`warning: ${missing} of ${wanted.length} lanes did not run on this machine`)
const sum = (key) => results.reduce((total, result) => total + result[key], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed`)
process.exit(sum('failed') > 0 ? 1 : 0)
