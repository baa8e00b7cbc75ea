// npm run size: what a page downloads of the built library, minified by vite as a user's page is, and gzipped. Counted are
// static imports, which an import of `VisionEncoder` brings at once, and those dynamic ones that a budget names.
import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

/**
 * Files of dist/ that are imported dynamically by the first load of an address with heads, on a GPU in f32, and by an encode
 * of pixel values. tests/e2e/package.test.ts holds the list against what a page fetches.
 */
export const FIRST_LOAD = ['addresses', 'folder', 'cache']
  .concat(['config-json', 'head-config', 'packed', 'head-networks', 'heads', 'logit-scale'])
  .concat(['tuner', 'ready'])
/** What no page ever downloads: Node alone asks and hashes by it. */
const NODE_ONLY = ['http-node', 'hash-node']

const BUDGETS = [
  { name: 'core: what an import brings', entry: 'index', dynamic: [], limit: 40_000 },
  { name: 'and its first load, of an address', entry: 'index', dynamic: FIRST_LOAD, limit: 60_000 },
  { name: 'all that any device or model loads', entry: 'index', dynamic: null, limit: 85_000 },
  { name: "the page's side of a worker", entry: 'worker', dynamic: [], limit: 5_000 },
]

/**
 * The name of a file of dist/, without the number that tells a chunk from its entry.
 * @param {string} path
 * @returns {string}
 */
export const nameOf = (path) => path.replace(/^.*\/|\d*\.js$/g, '')

/** Bytes of one bundle of `VisionEncoder`. `dynamic`: what is bundled of dynamic imports; null: everything. */
async function bundledSize(entry, dynamic) {
  const met = new Set()
  const plugin = {
    name: 'size',
    enforce: 'pre',
    resolveId(source, _, { kind }) {
      if (source === 'page') return '\0page'
      const left = NODE_ONLY.includes(nameOf(source)) || dynamic?.includes(nameOf(source)) === false
      if (kind !== 'dynamic-import' || !left) {
        if (kind === 'dynamic-import') met.add(nameOf(source))
        return null
      }
      return { id: source, external: true }
    },
    load(id) {
      if (id !== '\0page') return null
      return `import { VisionEncoder } from ${JSON.stringify(resolve(`dist/${entry}.js`))}; self.use = VisionEncoder`
    },
  }
  const { output } = await build({
    configFile: false,
    logLevel: 'warn',
    plugins: [plugin],
    build: {
      write: false,
      target: 'es2022',
      assetsInlineLimit: 0,
      modulePreload: false,
      rolldownOptions: {
        input: 'page',
        external: ['webgpu', 'sharp', 'playwright-core', /^node:/],
        output: { codeSplitting: false },
      },
    },
  })
  const gone = dynamic?.filter((name) => !met.has(name)) ?? []
  if (gone.length > 0) throw new Error(`scripts/size.mjs names what nothing imports: ${gone.join(', ')}`)
  return output.reduce((sum, file) => sum + (file.type === 'chunk' ? gzipSync(file.code).length : 0), 0)
}

if (process.argv[1] === import.meta.filename) {
  for (const { name, entry, dynamic, limit } of BUDGETS) {
    const size = await bundledSize(entry, dynamic)
    const over = size > limit
    const [is, most] = [size, limit].map((bytes) => `${(bytes / 1000).toFixed(2)} kB`.padStart(8))
    console.log(`${name.padEnd(36)} ${is} of ${most}${over ? '  TOO LARGE' : ''}`)
    if (over) process.exitCode = 1
  }
}
