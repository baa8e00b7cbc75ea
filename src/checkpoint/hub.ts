/** The hub of models, and what the environment of a process says of it, by the names that its own tools know. */
export const HUB = 'https://huggingface.co'

export interface HubSettings {
  /** Default `https://huggingface.co`. */
  readonly HF_ENDPOINT?: string
  readonly HF_TOKEN?: string
}

/** Looked up at each call, as others may replace it. */
const globalFetch: typeof fetch = (input, init) => globalThis.fetch(input, init)

/** What to ask instead of an address: HF_ENDPOINT instead of the hub. HF_TOKEN is for these two and nobody else. */
export function atHub(asked: string, { HF_ENDPOINT, HF_TOKEN }: HubSettings): { url: string; authorization?: string } {
  const endpoint = (HF_ENDPOINT === '' ? HUB : (HF_ENDPOINT ?? HUB)).replace(/\/+$/, '')
  if (!isUnder(asked, HUB) && !isUnder(asked, endpoint)) return { url: asked }
  const url = isUnder(asked, HUB) ? endpoint + asked.slice(HUB.length) : asked
  return { url, ...(HF_TOKEN && { authorization: `Bearer ${HF_TOKEN}` }) }
}

/** `fetch` for Node that does so (fetch itself drops the header when the hub redirects to its file servers). */
export function hubFetch(settings: HubSettings, send = globalFetch): typeof fetch {
  return (input, init) => {
    const asked = input instanceof Request ? input.url : String(input)
    const { url, authorization } = atHub(asked, settings)
    if (url === asked && !authorization) return send(input, init)
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
    if (authorization) headers.set('authorization', authorization)
    return send(input instanceof Request ? new Request(url, input) : url, { ...init, headers })
  }
}

function isUnder(url: string, base: string): boolean {
  return url === base || url.startsWith(`${base}/`)
}
