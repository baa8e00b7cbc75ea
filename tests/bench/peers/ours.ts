import { VisionEncoder } from '../../../src/encoder.js'
import type { Precision } from '../../../src/encoder/types.js'
import { towerFile } from '../../../src/bench/synthetic.js'
import type { Racer } from './race.js'
import type { Subject } from './subject.js'

export async function ours(gpu: GPU, { tower, pixels }: Subject, precision: Precision): Promise<Racer> {
  const encoder = await VisionEncoder.load(new Blob(towerFile(tower)), { gpu, precision })
  return {
    name: `sovit ${precision}`,
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
