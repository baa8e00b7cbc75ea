export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The text of `bytes`, or an exception: nothing is replaced, and a byte order mark stays (and is then no JSON). */
export function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
}

/**
 * The first name that occurs twice in one object of `json`, or null.
 * `JSON.parse` silently keeps the last of them. `json` must be valid JSON, so only braces and strings matter here.
 */
export function duplicateKey(json: string): string | null {
  const open: (Set<string> | null)[] = []
  let begin = -1 // of the string that is not at its end
  for (const { 0: token, index } of json.matchAll(/\\.|"\s*:?|[[\]{}]/g)) {
    if (token.startsWith('"')) {
      const keys = open.at(-1)
      if (keys && begin >= 0 && token.endsWith(':')) {
        const key = JSON.parse(json.slice(begin, index + 1)) as string
        if (keys.has(key)) return key
        keys.add(key)
      }
      begin = begin < 0 ? index : -1
    } else if (begin >= 0) continue
    else if (token === '{') open.push(new Set())
    else if (token === '[') open.push(null)
    else open.pop()
  }
  return null
}
