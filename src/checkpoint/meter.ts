import type { ByteSource } from './types.js'

/** Counts bytes read, and those of them that came from a cache. */
export interface Meter {
  bytes: number
  cached: number
}

/** The same source, with the bytes that were read from it added to `meter`. */
export function metered(source: ByteSource, meter: Meter): ByteSource {
  return {
    name: source.name,
    size: (signal) => source.size(signal),
    async read(...of) {
      const bytes = await source.read(...of)
      meter.bytes += bytes.length
      return bytes
    },
    version: async (signal) => (await source.version?.(signal)) ?? null,
    sequential: () => source.sequential?.() ?? false,
    kept: async (begin, end) => (await source.kept?.(begin, end)) ?? false,
    discard: async (begin, end) => source.discard?.(begin, end),
    close: async () => source.close?.(),
  }
}
