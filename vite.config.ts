import { chmodSync, readFileSync } from 'node:fs'
import { defineConfig, type Plugin } from 'vite'

/**
 * Comments and spaces are for readers of shaders/, not for users' bandwidth; lines stay where they are for error messages.
 * Spaces around an operator stay unless an operand is on either side: between two operators they keep other tokens from being made
 * (`--`, `/*`, `>=`).
 */
export function stripWgsl(code: string): string {
  const keepLines = (comment: string) => comment.replace(/[^\n]/g, '')
  return code
    .replace(/\/\*[^]*?\*\/|\/\/.*/g, keepLines)
    .replace(/[ \t]+$|^[ \t]+/gm, '')
    .replace(/ *([{}(),:;+|]) */g, '$1')
    .replace(/(?<=[\w)\]]) *= */g, '=')
    .replace(/(?<=[\w)\]]) ?([-*/%&^<>]|[-+*/=!<>]=|&&|<<|>>) ?(?=[\w(])/g, '$1')
    .replace(/(?<=>) (?=\w)/g, '')
}

const wgsl: Plugin = {
  name: 'wgsl',
  enforce: 'pre',
  load(id) {
    if (!id.endsWith('.wgsl?raw')) return null
    const file = id.slice(0, -'?raw'.length)
    this.addWatchFile(file)
    const text = readFileSync(file, 'utf8')
    // Who follows the source map reads the shader as it was written.
    const map = { version: 3, sources: [file], sourcesContent: [text], names: [], mappings: 'AAAA' }
    return { code: `export default ${JSON.stringify(stripWgsl(text))}`, map }
  },
}

/** `npx sovit` in this folder runs the file itself. */
const executable: Plugin = {
  name: 'executable',
  writeBundle: ({ dir }) => chmodSync(`${dir}/cli.js`, 0o755),
}

/** Tells what a browser loads from what only the command line loads (the size check counts the former). */
function chunkFileNames({ moduleIds }: { moduleIds: string[] }): string {
  return moduleIds.some((id) => /src\/cli\/|node_modules/.test(id)) ? 'cli-[name].js' : '[name].js'
}

export default defineConfig({
  plugins: [wgsl, executable],
  build: {
    // "ssr" only means: leave `new URL(…, import.meta.url)` and `import()` as they are, for the user's bundler to see.
    ssr: true,
    target: 'es2022',
    sourcemap: true,
    rolldownOptions: {
      input: {
        index: 'src/index.ts',
        features: 'src/features/index.ts',
        worker: 'src/worker/index.ts',
        'worker-entry': 'src/worker/worker-entry.ts',
        nano: 'src/nano.ts',
        safetensors: 'src/safetensors.ts',
        bench: 'src/bench/index.ts',
        cli: 'src/cli/main.ts',
        'hash-thread': 'src/checkpoint/hash-thread.js',
        'page-worker': 'src/checkpoint/page-worker.js',
      },
      external: ['webgpu', 'sharp', 'playwright-core'],
      // Chunks lie beside the entries, so that `../weights/` means the same from src/ and from dist/.
      // Comments stay in the sources, their maps and the declarations; users need not download them.
      output: {
        entryFileNames: '[name].js',
        chunkFileNames,
        comments: { legal: true, annotation: true, jsdoc: false },
      },
    },
  },
  ssr: { noExternal: ['upng-js', 'pako'] },
})
