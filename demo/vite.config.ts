import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

/** A checkpoint's config.json is looked for beside it, so it must lie where the weights do. */
const configBesideWeights: Plugin = {
  name: 'config-beside-weights',
  generateBundle() {
    const source = readFileSync(join(import.meta.dirname, '../weights/nano/config.json'))
    this.emitFile({ type: 'asset', fileName: 'assets/config.json', source })
  },
}

/** The page is built like any user's: it imports `sovit` through package.json's exports, so the library is built first. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // The page's content policy refuses data: addresses for anything but images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['index.html', 'bench.html'].map((page) => join(import.meta.dirname, page)) },
  },
  plugins: [configBesideWeights],
  assetsInclude: ['**/*.safetensors'],
})
