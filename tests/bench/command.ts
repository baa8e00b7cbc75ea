import { bench } from '../../src/bench/bench.js'
import { paperSections } from '../../src/bench/paper.js'
import { markdown, type Section } from '../../src/bench/report.js'
import { sovit400m } from '../../src/bench/synthetic.js'
import { towerWork } from '../../src/bench/workload.js'
import type { MatrixShape } from '../../src/gpu/types.js'
import { measureHost } from './host.js'
import { HELP, readArguments, type BenchArguments, type PeerName } from './options.js'
import { raceOrtNode, raceOrtWeb, raceTorch, type PeerOptions } from './peers/peers.js'

const RACES: Readonly<Record<PeerName, (options: PeerOptions) => AsyncGenerator<Section>>> = {
  ort: raceOrtNode,
  web: raceOrtWeb,
  torch: raceTorch,
}

/** `npm run bench`; returns the exit status. */
export async function main(args: string[]): Promise<number> {
  let options: BenchArguments
  try {
    options = readArguments(args, process.env)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 2
  }
  if (options.help) {
    console.log(HELP)
    return 0
  }
  const sections: Section[] = []
  for await (const section of options.model ? await paper(options) : measure(options)) {
    sections.push(section)
    if (!options.json) console.log(markdown(section))
  }
  if (options.json)
    console.log(
      JSON.stringify(
        sections.map(({ title, notes, data }) => ({ title, notes, data })),
        null,
        2,
      ),
    )
  return 0
}

/** The matrices of NVIDIA and AMD. */
const PAPER_MATRICES: MatrixShape = {
  ...{ component: 'f16', result: 'f32', M: 16, N: 16, K: 16 },
  ...{ lanes: 32, demand: false, largest: 32 },
}

async function paper({ side = 32 }: BenchArguments): Promise<Section[]> {
  const config = sovit400m(27)
  const gpu = { software: false, workgroupBytes: 49152, invocations: 1024 }
  const sections: Section[] = []
  for (const precision of ['f32', 'f16'] as const) {
    const arithmetics = precision === 'f16' ? (['f32', 'f16', 'matrix'] as const) : (['f32'] as const)
    const traits = arithmetics.map((arithmetic) => ({ ...gpu, matrix: PAPER_MATRICES, arithmetic }))
    const works = await towerWork(traits, config, side, precision)
    sections.push(...paperSections(works, `${precision}, ${side * side} tokens`))
  }
  return sections
}

async function* measure(options: BenchArguments): AsyncGenerator<Section> {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  // Matrix units are behind the first feature; f16 is off by default on NVIDIA and Vulkan (Dawn, PhysicalDeviceVk.cpp).
  const gpu = create(['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia'])
  const node = JSON.parse(process.env.SOVIT_BENCH_NODE ?? '["node"]') as string[]
  const all = { ...options, gpu, node, onPhase: progress() }
  yield* bench(all)
  all.onPhase('Host, null backend')
  yield* contained('Host, null backend', hostSections(create(['backend=null'])))
  for (const peer of options.peers) yield* contained(`Against ${peer}`, RACES[peer](all))
}

async function* hostSections(nullGpu: GPU): AsyncGenerator<Section> {
  yield await measureHost(nullGpu)
}

/** What fails is a line of the report, not the end of it. */
async function* contained(title: string, sections: AsyncGenerator<Section>): AsyncGenerator<Section> {
  try {
    yield* sections
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    yield { title, columns: [], rows: [], notes: [`Not measured: ${why}`], data: null }
  }
}

/** Tells on standard error what is going on, with the seconds since the start. */
function progress(): (what: string) => void {
  const start = performance.now()
  return (what) => console.error(`${((performance.now() - start) / 1e3).toFixed(0).padStart(4)} s  ${what}`)
}
