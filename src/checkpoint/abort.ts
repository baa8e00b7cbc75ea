import { unlessAborted } from '../errors.js'

/** Waits `ms`, or rejects with the `ABORTED` error at once; no timer is left behind that would keep Node alive. */
export function pause(ms: number, signal: AbortSignal | undefined, what: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return unlessAborted(waited, signal, what).finally(() => clearTimeout(timer))
}

/** The caller's signal, which here is also aborted when other `work` fails: what was begun beside it is of no use then. */
export function whileHolds(work: Promise<unknown>, signal: AbortSignal | undefined): AbortSignal {
  const failed = new AbortController()
  work.catch(() => failed.abort())
  return signal ? AbortSignal.any([signal, failed.signal]) : failed.signal
}
