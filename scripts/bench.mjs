// npm run bench: measures this machine's own GPU, else a software driver fetched by scripts/mesa.sh.
import { spawnSync } from 'node:child_process'
import { adapterOf, NODE, NODE_ON_MESA } from './dawn.mjs'

const args = process.argv.slice(2)
const paper = args.includes('--model') || args.includes('--help')
const node = paper ? NODE : [NODE, NODE_ON_MESA].find((command) => adapterOf(command, 'dawn'))
if (!node) {
  console.error('Dawn finds no Vulkan, Metal or D3D12 adapter, and scripts/mesa.sh could not fetch a software one.')
  process.exit(1)
}
const [program, ...before] = node
const env = { ...process.env, SOVIT_BENCH_NODE: JSON.stringify(node) }
const { status } = spawnSync(program, [...before, 'tests/bench/main.mjs', ...args], { stdio: 'inherit', env })
process.exit(status ?? 1)
