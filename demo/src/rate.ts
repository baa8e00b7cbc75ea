import type { ProgressEvent } from 'sovit/worker'
import { formatBytes, formatWait } from './format.js'

/** The rate counts what came in so many milliseconds. Weights arrive in pieces of 12 MB: less would jump with each. */
const WINDOW = 5000
/** Two samples closer than this say nothing. */
const SHORTEST = 400
const TOGETHER = 50
/** After so long without a byte, the last rate is no longer true. */
const SILENCE = 6000

interface Sample {
  /** Of the first report that this one has taken the place of. */
  readonly since: number
  readonly at: number
  readonly loaded: number
}

/** Bytes per second over the last seconds. Times are those of `performance.now()`. */
export class Rate {
  /** Oldest first. The first is the last one from before the window, so that rare pieces are measured too. */
  #samples: Sample[] = []

  /** So many bytes are there by now; `loaded` never falls. */
  add(loaded: number, at: number): void {
    const last = this.#samples.at(-1)
    if (last?.loaded === loaded) return
    // Of one piece come many reports at once: they are one sample.
    const same = last && this.#samples.length > 1 && at - last.since < TOGETHER
    if (same) this.#samples.pop()
    this.#samples.push({ since: same ? last.since : at, at, loaded })
    while ((this.#samples[1]?.at ?? at) < at - WINDOW) this.#samples.shift()
  }

  /** Null while it cannot be told: at the start, and when nothing comes. */
  perSecond(now: number): number | null {
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    if (!first || !last || last.at - first.at < SHORTEST || this.silent(now)) return null
    return (1000 * (last.loaded - first.loaded)) / (last.at - first.at)
  }

  /** Whether bytes are awaited for so long that it should be said. */
  silent(now: number): boolean {
    const last = this.#samples.at(-1)
    return last !== undefined && now - last.at > Math.max(SILENCE, 3 * this.#pace())
  }

  /** What came before is of another source. */
  restart(loaded: number, at: number): void {
    this.#samples = [{ since: at, at, loaded }]
  }

  /** Milliseconds between two samples: slow networks bring a piece only every few seconds. */
  #pace(): number {
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    return first && last && first !== last ? (last.at - first.at) / (this.#samples.length - 1) : 0
  }
}

/** `312 MB of 836 MB · 48 MB/s · 11 s left` */
export function figures({ phase, loaded, total }: ProgressEvent, rate: Rate, now: number): string {
  const bytes = `${formatBytes(loaded)} of ${formatBytes(total)}`
  if (phase !== 'download') return bytes
  if (rate.silent(now)) return `${bytes} · waiting for more`
  const perSecond = rate.perSecond(now)
  if (!perSecond) return bytes
  return `${bytes} · ${formatBytes(perSecond)}/s · ${formatWait((total - loaded) / perSecond)} left`
}
