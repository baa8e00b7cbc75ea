/** What repeated runs of one thing took, in milliseconds. */
export interface Timing {
  /** Runs, warm-up not counted. */
  readonly runs: number
  readonly median: number
  readonly p90: number
  readonly min: number
  readonly max: number
}

/**
 * Summary of at least one time. Quantiles are interpolated between the two nearest times (R's type 7, numpy's default).
 */
export function summarise(times: readonly number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b)
  return {
    runs: sorted.length,
    median: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    min: quantile(sorted, 0),
    max: quantile(sorted, 1),
  }
}

function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)] ?? NaN
  const above = sorted[Math.ceil(at)] ?? NaN
  return below + (above - below) * (at - Math.floor(at))
}

/** How often to run: until the time is used up, but at least and at most so often. */
export interface Budget {
  readonly ms: number
  readonly least: number
  readonly most: number
}

/** Runs `once`, which returns its own milliseconds, within a budget; `times` are runs that count already. */
export async function repeat(
  once: () => Promise<number>,
  { ms, least, most }: Budget,
  times: readonly number[] = [],
): Promise<Timing> {
  const all = [...times]
  const end = performance.now() + ms
  while (all.length < least || (all.length < most && performance.now() < end)) all.push(await once())
  return summarise(all)
}
