// Runs snippets of the documents, one after another, in a process that looks like a page with WebGPU: `navigator.gpu` is
// Dawn's, and the hub is a server of the test's (HF_ENDPOINT). Prints JSON: what each printed, or how it failed.
//
//   node tests/support/run-snippets.mjs FOLDER
import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { create, globals } from 'webgpu'

const [folder = '.'] = process.argv.slice(2)
process.chdir(folder)
// Weights are kept in the folder, and nowhere else; the driver keeps its compiled shaders where it always does.
const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
process.env.MESA_SHADER_CACHE_DIR ??= caches
process.env.XDG_CACHE_HOME = resolve('cache')
Object.assign(globalThis, globals)
// Newer versions of Node have a navigator, without gpu.
Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true })

const results = {}
const { log } = console
for (const file of readdirSync('.').filter((name) => name.endsWith('.mjs'))) {
  let printed = ''
  console.log = (...words) => (printed += `${words.join(' ')}\n`)
  try {
    await import(pathToFileURL(file).href)
    results[file] = { printed }
  } catch (error) {
    results[file] = { printed, failed: String(error instanceof Error ? error.stack : error) }
  }
}
log(JSON.stringify(results))
process.exit(0)
