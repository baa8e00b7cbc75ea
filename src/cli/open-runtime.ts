import { SovitError } from '../errors.js'
import { openChromium } from './runtime-chromium.js'
import { openNode } from './runtime-node.js'
import type { Runtime, RUNTIMES } from './runtime.js'

/** `auto`: Dawn when it has an adapter, else Chromium; when there is neither, an error with both reasons. */
export async function openRuntime(choice: (typeof RUNTIMES)[number], signal: AbortSignal): Promise<Runtime> {
  if (choice === 'node') return openNode()
  if (choice === 'chromium') return openChromium(signal)
  const refused: string[] = []
  for (const open of [openNode, openChromium]) {
    try {
      return await open(signal)
    } catch (error) {
      if (!(error instanceof SovitError) || error.code === 'ABORTED') throw error
      refused.push(error.message)
    }
  }
  throw new SovitError('NO_ADAPTER', `WebGPU runs neither in Node nor in Chromium here. ${refused.join(' ')}`)
}
