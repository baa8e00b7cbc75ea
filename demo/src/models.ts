import { VisionEncoder, type ModelSource } from 'sovit/worker'
import { LoadProgress } from './load-progress.js'

/** As the radio buttons have them. */
export type ModelKind = 'built-in' | 'files' | 'name'

/** A model that can be loaded, and loaded again. */
export interface Model {
  readonly kind: ModelKind
  readonly source: ModelSource
  /** What people call it. */
  readonly label: string
}

export interface Load {
  /** Rejects as soon as the signal is aborted. */
  readonly encoder: Promise<VisionEncoder>
  /** When nothing is left running: after a cancel, pieces that were under way may still be kept. */
  readonly settled: Promise<void>
}

/** Loads a model and shows how far it is. */
export function startLoad({ kind, source }: Model, signal: AbortSignal): Load {
  const progress = new LoadProgress(kind)
  const cancelled = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => {
      progress.stop()
      reject(new DOMException('The load was cancelled.', 'AbortError'))
    })
  })
  const loading = VisionEncoder.load(source, { signal, onProgress: progress.show })
  const encoder = Promise.race([loading, cancelled]).finally(() => {
    progress.stop()
  })
  const settled = loading.then(
    (late) => {
      if (signal.aborted) late.dispose()
    },
    () => undefined,
  )
  return { encoder, settled }
}
