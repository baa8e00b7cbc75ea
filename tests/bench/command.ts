import { parseArgs } from 'node:util'
import { bench, markdown } from '../../src/bench/index.js'
import type { Section } from '../../src/bench/report.js'

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean' },
      json: { type: 'boolean' },
      tokens: { type: 'string' },
      layers: { type: 'string' },
    },
  })
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const gpu = create(['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia'])
  const sections: Section[] = []
  const t0 = performance.now()
  const side = values.tokens ? Math.sqrt(Number(values.tokens)) : undefined
  for await (const section of bench({
    gpu,
    quick: values.quick,
    side,
    onPhase: (what) => console.error(((performance.now() - t0) / 1e3).toFixed(1), what),
  })) {
    sections.push(section)
    console.log(markdown(section))
  }
  return 0
}
