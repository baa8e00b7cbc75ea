import type { ByteSource } from './types.js'

/** Counts fetched bytes. */
export interface Meter {
  bytes: number
}

/** The same source, with the bytes that were read from it added to `meter`. */
export function metered(source: ByteSource, meter: Meter): ByteSource {
  return {
    ...source,
    async read(begin, end, signal, into) {
      const bytes = await source.read(begin, end, signal, into)
      meter.bytes += bytes.length
      return bytes
    },
  }
}
