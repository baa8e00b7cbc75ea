// Runs tests/bench/command.ts from its sources, shaders included: see scripts/bench.mjs.
import process from 'node:process'
import { createServer } from 'vite'

const vite = await createServer({
  configFile: false,
  server: { middlewareMode: true, watch: null },
  optimizeDeps: { noDiscovery: true },
  logLevel: 'error',
})
const { main } = await vite.ssrLoadModule('/tests/bench/command.ts')
// Not by return: devices keep the process alive.
process.exit(await main(process.argv.slice(2)))
