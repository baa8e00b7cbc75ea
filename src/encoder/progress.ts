import type { ProgressEvent } from '../checkpoint/types.js'

/** Turns bytes that arrive into the progress events of a load: `loaded` never falls, 100 only at the end. */
export class LoadProgress {
  readonly #name: string
  readonly #total: number
  readonly #listener: ((event: ProgressEvent) => void) | undefined
  #file = ''
  #loaded = 0
  #sequential = false

  constructor(name: string, total: number, listener?: (event: ProgressEvent) => void) {
    this.#name = name
    this.#total = total
    this.#listener = listener
  }

  /** Bytes of weights that reached the GPU, and the file they came from. */
  readonly bytes = (loaded: number, file: string, sequential: boolean): void => {
    if (file !== this.#file) {
      if (this.#file) this.#send('done', 'download')
      this.#file = file
      this.#sequential = sequential
      this.#send('initiate', 'download')
      this.#send('download', 'download')
    }
    this.#loaded = Math.max(this.#loaded, loaded)
    this.#send('progress', 'download')
  }

  ready(): void {
    if (this.#file) this.#send('done', 'compile')
    this.#send('ready', 'ready')
  }

  #send(status: ProgressEvent['status'], phase: ProgressEvent['phase']): void {
    const progress = this.#total === 0 ? 100 : (this.#loaded / this.#total) * 100
    this.#listener?.({
      status,
      phase,
      name: this.#name,
      file: this.#file,
      loaded: this.#loaded,
      total: this.#total,
      progress,
      ...(this.#sequential && { sequential: true }),
    })
  }
}
