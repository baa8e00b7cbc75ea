import { VisionEncoder } from '../../../src/encoder.js'
import type { Way } from '../../../src/bench/bench.js'
import { towerFile } from '../../../src/bench/synthetic.js'
import type { Racer } from './race.js'
import type { Subject } from './subject.js'

export async function ours(gpu: GPU, { tower, pixels }: Subject, way: Way): Promise<Racer> {
  const encoder = await VisionEncoder.load(new Blob(towerFile(tower)), { gpu, ...way })
  return {
    name: `sovit ${encoder.precision}, products ${encoder.arithmetic}`,
    async run() {
      const start = performance.now()
      await encoder.encode({ pixels })
      return performance.now() - start
    },
    async hidden() {
      const { hiddenStates } = await encoder.encode({ pixels }, { hiddenStates: true })
      return hiddenStates?.at(-1) ?? []
    },
    close: () => encoder.dispose(),
  }
}
