import { parseArgs } from 'node:util'
import { bench, markdown } from '../../src/bench/index.js'
import type { Section } from '../../src/bench/report.js'
import { raceOrtNode } from './peers/peers.js'

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, tokens: { type: 'string' }, layers: { type: 'string' }, peers: { type: 'string' }, only: { type: 'string' } } })
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const gpu = create(['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia'])
  const t0 = performance.now()
  const side = values.tokens ? Math.sqrt(Number(values.tokens)) : undefined
  const options = { gpu, quick: values.quick, side, onPhase: (what: string) => console.error(((performance.now() - t0) / 1e3).toFixed(1), what) }
  if (!values.only) for await (const section of bench(options)) {
    console.log(markdown(section))
  }
  for await (const section of raceOrtNode(options)) console.log(markdown(section), ((performance.now() - t0) / 1e3).toFixed(1))
  return 0
}
