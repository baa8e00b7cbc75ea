// npm start: encodes a sample picture with the built-in model and shows what came out. Uses what this machine has: Dawn on
// its GPU driver, else a Chromium, else a software driver fetched by scripts/mesa.sh, which says so first.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { findChromium, NO_CHROMIUM } from './browser.mjs'
import { adapterOf, NODE, NODE_ON_MESA } from './dawn.mjs'

const SOURCES = ['src', 'shaders', 'package.json', 'vite.config.ts', 'tsconfig.json', 'tsconfig.build.json']
const SAMPLES = 'demo/public/samples'

function filesOf(path) {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path).flatMap((name) => filesOf(join(path, name)))
}

function builtIsStale() {
  if (!existsSync('dist/cli.js')) return true
  const built = statSync('dist/cli.js').mtimeMs
  return SOURCES.flatMap(filesOf).some((file) => statSync(file).mtimeMs > built)
}

/** How to run the command line here: the program and the runtime it is told to use. */
function findRuntime() {
  const gpu = adapterOf(NODE, 'dawn')
  if (gpu) return { node: NODE, runtime: 'node', on: `Dawn on ${gpu}` }
  const path = findChromium()
  const page = path && adapterOf(NODE, 'chromium')
  if (page) return { node: NODE, runtime: 'chromium', on: `${path}, ${page}` }
  const software = adapterOf(NODE_ON_MESA, 'dawn')
  if (software) return { node: NODE_ON_MESA, runtime: 'node', on: `Dawn on ${software}` }
  return undefined
}

function fail(message) {
  console.error(`npm start: ${message}`)
  process.exit(1)
}

process.chdir(join(import.meta.dirname, '..'))
const picture = filesOf(SAMPLES).find((file) => /\.(png|jpe?g|webp)$/.test(file))
if (!picture) fail(`there is no sample picture in ${SAMPLES}`)
if (builtIsStale() && spawnSync('npm run --silent build', { shell: true, stdio: 'inherit' }).status !== 0) {
  fail('the build failed')
}
const found = findRuntime()
if (!found) fail(`no WebGPU here. Install a Vulkan driver, or Chromium. ${NO_CHROMIUM}`)

mkdirSync('out', { recursive: true })
const encode = [
  'encode',
  picture,
  '--out',
  'out/sample.safetensors',
  '--pca',
  'out/sample.png',
  '--runtime',
  found.runtime,
]
console.log(`running on ${found.on}`)
console.log(`$ npx sovit ${encode.join(' ')}\n`)
const [program, ...args] = found.node
const { status } = spawnSync(program, [...args, 'dist/cli.js', ...encode], { stdio: 'inherit' })
process.exit(status ?? 1)
