import type { ProgressEvent } from '../checkpoint/types.js'

export interface ProgressLine {
  readonly show: (event: ProgressEvent) => void
  /** Wipes the line, so that results and errors start on a clean one. */
  readonly clear: () => void
}

/** A line on a terminal that is rewritten in place; in a pipe or a log nothing but what goes wrong with the cache. */
export function progressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  const clear = (): void => {
    if (stream.isTTY) stream.write('\r\x1b[K')
  }
  let shown = -Infinity
  /** Where this phase began: what the cache gave in no time says nothing of the network's rate. */
  let from = { phase: '', at: 0, loaded: 0 }
  return {
    show(event) {
      const now = performance.now()
      if (event.message !== undefined) {
        clear()
        stream.write(`sovit: ${event.message}\n`)
      }
      if (!stream.isTTY || event.status === 'cache') return
      if (event.phase !== from.phase) from = { phase: event.phase, at: now, loaded: event.loaded }
      // Twelve a second is what an eye can follow; the last one is always shown.
      else if (now - shown < 80 && event.loaded < event.total) return
      shown = now
      const line = describe(event, (now - from.at) / 1000, from.loaded)
      stream.write(`\r\x1b[K${line.slice(0, (stream.columns || 80) - 1)}`)
    },
    clear,
  }
}

/** `download 412.0 of 835.6 MB · 49% · 96.3 MB/s · 5 s left`, `seconds` after the phase began with `from` bytes. */
export function describe({ phase, loaded, total }: ProgressEvent, seconds: number, from = 0): string {
  if (total === 0 || (phase !== 'download' && phase !== 'cache')) return `${phase} …`
  const megabytes = `${mb(loaded)} of ${mb(total)} MB · ${Math.floor((100 * loaded) / total)}%`
  const rate = (loaded - from) / Math.max(seconds, 1e-3)
  const rest = rate > 0 ? ` · ${mb(rate)} MB/s · ${Math.ceil((total - loaded) / rate)} s left` : ''
  return `${phase} ${megabytes}${rest}`
}

/** Bytes as megabytes of 10⁶, as networks and disks count them. */
export function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
