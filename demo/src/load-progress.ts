import type { ProgressEvent } from 'sovit/worker'
import type { ModelKind } from './models.js'
import { figures, Rate } from './rate.js'
import { showBar, showBusy, showFigures, showNote, showPhase } from './status.js'

const PHASES = {
  header: 'Reading what the checkpoint holds',
  download: 'Fetching weights',
  cache: 'Reading weights kept in this browser',
  upload: 'Handing weights to the GPU',
  compile: 'Compiling shaders',
  ready: 'Model ready',
} as const satisfies Record<ProgressEvent['phase'], string>

const SEQUENTIAL = 'This server sends files only from their start: more than the vision tower is fetched.'

/** Often enough for figures that people read. */
const REFRESH = 500

/** Shows how far one load is, until it is stopped. */
export class LoadProgress {
  readonly #kind: ModelKind
  readonly #rate = new Rate()
  readonly #timer: ReturnType<typeof setInterval>
  #event: ProgressEvent | null = null
  #sequential = false
  #stopped = false

  constructor(kind: ModelKind) {
    this.#kind = kind
    showBusy('Opening the model')
    showNote('')
    this.#timer = setInterval(() => {
      this.#refresh()
    }, REFRESH)
  }

  readonly show = (event: ProgressEvent): void => {
    if (this.#stopped) return
    if (event.status === 'cache') {
      showNote(event.message ?? '')
      return
    }
    if (event.sequential && !this.#sequential) showNote(SEQUENTIAL)
    this.#sequential = event.sequential === true
    const now = performance.now()
    const before = this.#event?.phase
    this.#event = event
    // What the cache gives in no time says nothing of the network.
    if (event.phase === before) this.#rate.add(event.loaded, now)
    else this.#rate.restart(event.loaded, now)
    if (event.total > 0) showBar(event.loaded / event.total)
    if (event.phase === before) return
    showPhase(this.#phase(event.phase))
    this.#refresh()
  }

  stop(): void {
    if (this.#sequential && !this.#stopped) showNote('')
    this.#stopped = true
    clearInterval(this.#timer)
  }

  #refresh(): void {
    if (this.#event && this.#event.total > 0) showFigures(figures(this.#event, this.#rate, performance.now()))
  }

  #phase(phase: ProgressEvent['phase']): string {
    return phase === 'download' && this.#kind === 'files' ? 'Reading weights' : PHASES[phase]
  }
}
