import type { ProgressEvent } from '../checkpoint/types.js'

export interface ProgressLine {
  readonly show: (event: ProgressEvent) => void
  /** Wipes the line, so that results and errors start on a clean one. */
  readonly clear: () => void
}

/** A line on a terminal that is rewritten in place; nothing at all in a pipe or a log. */
export function progressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  if (!stream.isTTY) return { show: () => undefined, clear: () => undefined }
  const start = performance.now()
  let shown = -Infinity
  return {
    show(event) {
      const now = performance.now()
      // Twelve a second is what an eye can follow; the last one is always shown.
      if (now - shown < 80 && event.loaded < event.total) return
      shown = now
      stream.write(`\r\x1b[K${describe(event, (now - start) / 1000).slice(0, (stream.columns || 80) - 1)}`)
    },
    clear: () => stream.write('\r\x1b[K'),
  }
}

/** `download 412.0 of 835.6 MB · 49% · 96.3 MB/s · 5 s left` */
export function describe({ phase, loaded, total }: ProgressEvent, seconds: number): string {
  if (total === 0 || phase !== 'download') return `${phase} …`
  const megabytes = `${mb(loaded)} of ${mb(total)} MB · ${Math.floor((100 * loaded) / total)}%`
  const rate = loaded / Math.max(seconds, 1e-3)
  const rest = rate > 0 ? ` · ${mb(rate)} MB/s · ${Math.ceil((total - loaded) / rate)} s left` : ''
  return `${phase} ${megabytes}${rest}`
}

/** Bytes as megabytes of 10⁶, as networks and disks count them. */
export function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
