import type { Checkpoint, StreamOptions } from '../checkpoint/types.js'
import type { DescribedTower } from '../encoder/describe.js'
import { withTower } from '../encoder/load.js'
import { LoadProgress } from '../encoder/progress.js'
import type { LoadOptions } from '../encoder/types.js'
import { openable, type ModelRef } from './model-ref.js'
import { print } from './output.js'
import { progressLine } from './progress.js'

/** Opens a tower for a command that reads all of its weights, shows how far it is, and prints what `use` says at the end. */
export async function readTower(
  ref: ModelRef,
  what: Pick<LoadOptions, 'layout' | 'heads' | 'merge'>,
  signal: AbortSignal,
  use: (checkpoint: Checkpoint, tower: DescribedTower, reading: StreamOptions) => Promise<string>,
): Promise<void> {
  const { source, options } = openable(ref)
  const line = progressLine()
  try {
    await withTower(source, { ...options, ...what, signal }, async (checkpoint, tower) => {
      const progress = new LoadProgress(ref.name, line.show)
      progress.described(ref.name, tower.weightBytes)
      const said = await use(checkpoint, tower, { onProgress: progress.of(checkpoint), signal })
      line.clear()
      await print(`${said}\n`)
    })
  } finally {
    line.clear()
  }
}
