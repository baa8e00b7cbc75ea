/** The hub of models, and what the environment of a process says of it, by the names that its own tools know. */
export const HUB = 'https://huggingface.co'

export interface HubSettings {
  /** Default `https://huggingface.co`. */
  readonly HF_ENDPOINT?: string
  readonly HF_TOKEN?: string
}

/** Looked up at each call, as others may replace it. */
const globalFetch: typeof fetch = (input, init) => globalThis.fetch(input, init)

/**
 * `fetch` for Node that asks HF_ENDPOINT instead of the hub, and shows HF_TOKEN to it and to nobody else
 * (fetch itself drops the header when the hub redirects to its file servers).
 */
export function hubFetch({ HF_ENDPOINT, HF_TOKEN }: HubSettings, send = globalFetch): typeof fetch {
  const endpoint = (HF_ENDPOINT === '' ? HUB : (HF_ENDPOINT ?? HUB)).replace(/\/+$/, '')
  return (input, init) => {
    const asked = input instanceof Request ? input.url : String(input)
    if (!isUnder(asked, HUB) && !isUnder(asked, endpoint)) return send(input, init)
    const url = isUnder(asked, HUB) ? endpoint + asked.slice(HUB.length) : asked
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
    if (HF_TOKEN) headers.set('authorization', `Bearer ${HF_TOKEN}`)
    return send(input instanceof Request ? new Request(url, input) : url, { ...init, headers })
  }
}

function isUnder(url: string, base: string): boolean {
  return url === base || url.startsWith(`${base}/`)
}
