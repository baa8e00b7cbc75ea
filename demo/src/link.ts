/** What a link to this page tells, besides the picture itself, which never leaves it. */
export interface LinkState {
  /** Name of a sample; empty for a picture of the user's. */
  readonly picture: string
  /** `448`, `native`, or `336x448`. */
  readonly size: string
  /** What is on the right. */
  readonly view: string
  /** The patch that is held, or nothing. */
  readonly patch: string
  readonly layer: string
  readonly foreground: string
  readonly find: string
  readonly beside: string
  /** Name or address of a model; empty for the built-in one. Nothing is fetched before somebody asks for it. */
  readonly model: string
}

const NOTHING = {
  picture: '',
  size: '',
  view: '',
  patch: '',
  layer: '',
  foreground: '',
  find: '',
  beside: '',
  model: '',
}

export function readLink(hash = location.hash): LinkState {
  const given = new URLSearchParams(hash.replace(/^#/, ''))
  const state = { ...NOTHING }
  for (const key of Object.keys(NOTHING) as (keyof LinkState)[]) state[key] = given.get(key) ?? ''
  return state
}

/** Puts the state into the page's address, without a step in its history. */
export function writeLink(state: LinkState): void {
  const params = new URLSearchParams(Object.entries(state).filter(([, value]) => value !== ''))
  history.replaceState(null, '', `#${params.toString()}`)
}
