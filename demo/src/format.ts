/** Bytes as people read them, in powers of ten: `83 kB`, `1.4 MB`, `836 MB`, `1.65 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${Math.round(bytes)} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(bytes < 99.95e6 ? 1 : 0)} MB`
  return `${(bytes / 1e9).toFixed(2)} GB`
}

/** Milliseconds as people read them: `83 ms`, `1.72 s`. */
export function formatTime(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`
}

/** Time to wait, no finer than it can be known: `11 s`, `3 min`, `1 h 20 min`. */
export function formatWait(seconds: number): string {
  if (seconds <= 90) return `${Math.ceil(seconds)} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** A cosine with its sign and two decimals. */
export function formatCosine(value: number): string {
  return value.toFixed(2).replace('-', '−')
}

/** A probability: `97%`, `< 1%`. */
export function formatPercent(share: number): string {
  const percent = Math.round(share * 100)
  return percent === 0 ? '< 1%' : `${percent}%`
}
