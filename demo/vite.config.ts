import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

const here = import.meta.dirname

/** The service worker, told which files make the page: what was built, and what lies in public/. */
const serviceWorker: Plugin = {
  name: 'service-worker',
  // Behind vite's own, which takes out chunks that were only styles.
  enforce: 'post',
  generateBundle(_, bundle) {
    const built = Object.values(bundle).filter(
      ({ fileName }) => !fileName.endsWith('.map') && fileName !== 'bench.html',
    )
    const fixed = readdirSync(join(here, 'public'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(here, 'public').length + 1))
    const hash = createHash('sha256')
    for (const chunk of built) hash.update(chunk.type === 'chunk' ? chunk.code : chunk.source)
    for (const file of fixed) hash.update(readFileSync(join(here, 'public', file)))
    const files = ['./', ...built.map(({ fileName }) => fileName), ...fixed]
    const source = readFileSync(join(here, 'src/sw.js'), 'utf8')
      .replace("/* @build version */ 'development'", JSON.stringify(hash.digest('hex').slice(0, 16)))
      .replace('/* @build files */ []', JSON.stringify(files))
    this.emitFile({ type: 'asset', fileName: 'sw.js', source })
  },
}

/**
 * Pages without their indentation, and their tags on one line without quotes that HTML needs not (HTML standard, 13.1.2.3): an eighth of
 * them as a server sends them. No element of theirs keeps its spaces.
 */
const pages: Plugin = {
  name: 'pages',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler: (html) => html.replace(/^ +/gm, '').replace(/<[^>]*>/g, (tag) => shortened(tag)),
  },
}

const shortened = (tag: string): string =>
  tag
    .replace(/\s+/g, ' ')
    .replace(/^(<(?:br|img|input|link|meta)\b.*) \/>$/, '$1>')
    .replace(/ (?=\/?>$)/, '')
    .replace(/="([\w-]+)"(?=[ >])/g, '=$1')

/** The page is built like any user's: it imports `sovit` through package.json's exports, so the library is built first. */
export default defineConfig({
  root: here,
  base: './',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // The page's content policy refuses data: addresses for anything but images.
    assetsInlineLimit: 0,
    modulePreload: false,
    rolldownOptions: { input: ['index.html', 'bench.html'].map((page) => join(here, page)) },
  },
  plugins: [pages, serviceWorker],
  worker: { format: 'es' },
  assetsInclude: ['**/*.safetensors'],
})
