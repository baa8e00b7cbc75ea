/** Watches a quantity that only sampling can see, and remembers its peak. */
export interface Peak {
  readonly sample: () => void
  /** Takes a last sample and ends the watch. */
  readonly stop: () => Promise<number>
}

export function watchPeak(read: () => number | Promise<number>, everyMs = 25): Peak {
  let peak = 0
  const sample = async (): Promise<void> => {
    peak = Math.max(peak, await read())
  }
  const ignoreGone = (): void => void sample().catch(() => undefined)
  ignoreGone()
  const timer = setInterval(ignoreGone, everyMs)
  return {
    sample: ignoreGone,
    async stop() {
      clearInterval(timer)
      await sample().catch(() => undefined)
      return peak
    },
  }
}
