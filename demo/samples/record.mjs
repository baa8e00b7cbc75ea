// Records what the page shows where nothing can be computed, or not yet: node demo/samples/record.mjs, after npm run build
import { spawnSync } from 'node:child_process'
import { adapterOf, NODE, NODE_ON_MESA } from '../../scripts/dawn.mjs'

const [program = 'node', ...before] = adapterOf(NODE, 'dawn') ? NODE : NODE_ON_MESA
const encode = ['dist/cli.js', 'encode', 'demo/public/samples/animals.png', '--size', '252x336', '--precision', 'f32']
const { status } = spawnSync(program, [...before, ...encode, '--out', 'demo/public/recorded.safetensors'], {
  stdio: 'inherit',
})
process.exit(status ?? 1)
