import type { Checkpoint, ModelSource, ProgressEvent, StreamOptions } from '../checkpoint/types.js'

/** Turns what happens in a load into its progress events: `loaded` never falls, 100 only at the end. */
export class LoadProgress {
  readonly #listener: ((event: ProgressEvent) => void) | undefined
  #name: string
  #total = 0
  #file = ''
  #loaded = 0
  #sequential = false
  #fetched = 0
  #cached = 0
  #phase: 'download' | 'cache' = 'download'

  constructor(source: ModelSource, listener?: (event: ProgressEvent) => void) {
    // Without a query, which may hold secrets.
    this.#name = typeof source === 'string' || source instanceof URL ? String(source).replace(/[?#].*/, '') : ''
    this.#listener = listener
  }

  /** Names and places of tensors are being read. */
  header(): void {
    this.#send('initiate', 'header')
  }

  /** They are known, and with them how much there is to read. */
  described(name: string, total: number): void {
    this.#name = name
    this.#total = total
    this.#send('done', 'header')
  }

  readonly cacheFailed = (message: string): void => this.#send('cache', 'cache', message)

  /** Tells of the bytes that a stream of this checkpoint brings. */
  of(checkpoint: Checkpoint): NonNullable<StreamOptions['onProgress']> {
    return (loaded, file, sequential) => this.#bytes(loaded, file, sequential, checkpoint)
  }

  /** Bytes of weights that reached the GPU, and the file they came from. */
  #bytes(loaded: number, file: string, sequential: boolean, { fetchedBytes, cachedBytes }: Checkpoint): void {
    // Reads run ahead: the last bytes of a load were read some time ago, and are still of the phase before.
    if (fetchedBytes > this.#fetched) this.#phase = 'download'
    else if (cachedBytes > this.#cached) this.#phase = 'cache'
    this.#fetched = fetchedBytes
    this.#cached = cachedBytes
    if (file !== this.#file) {
      if (this.#file) this.#send('done', this.#phase)
      this.#file = file
      this.#sequential = sequential
      this.#send('initiate', this.#phase)
      this.#send('download', this.#phase)
    }
    this.#loaded = Math.max(this.#loaded, loaded)
    this.#send('progress', this.#phase)
    if (this.#loaded === this.#total) this.#send('progress', 'upload')
  }

  /** The weights are on the device. */
  uploaded(): void {
    this.#send('progress', 'compile')
  }

  ready(): void {
    if (this.#file) this.#send('done', 'compile')
    this.#send('ready', 'ready')
  }

  #send(status: ProgressEvent['status'], phase: ProgressEvent['phase'], message?: string): void {
    this.#listener?.({
      status,
      phase,
      name: this.#name,
      file: this.#file,
      loaded: this.#loaded,
      total: this.#total,
      progress: this.#total > 0 ? (this.#loaded / this.#total) * 100 : phase === 'ready' ? 100 : 0,
      ...(message !== undefined && { message }),
      ...(this.#sequential && { sequential: true }),
    })
  }
}
