import { zeroShot, zeroShotMap } from 'sovit/features'
import type { Labels } from 'sovit/nano'
import { veil } from '../colours.js'
import { byId, listItem } from '../dom.js'
import { formatPercent } from '../format.js'
import type { PatchView } from '../patch-view.js'
import { dimsOf, type Shown } from '../shown.js'
import { isReady, largest, type Host, type Reading, type Ready, type View } from './view.js'

/** A patch, or a picture, shows a name from this probability on. */
const SEEN = 0.5
/** Names that are offered, at most: those that take up most of the picture. */
const OFFERED = 8

const input = byId('find-input', HTMLInputElement)
const anyway = byId('find-anyway', HTMLButtonElement)
const note = byId('find-note', HTMLParagraphElement)
const chips = byId('find-seen', HTMLUListElement)

/** Where the picture shows what was asked for by name. */
export class Find implements View {
  readonly title = 'Found'
  readonly note = 'what was asked for by name'
  readonly points = true
  readonly #host: Host
  /** Fetched when this view is first shown. */
  #labels: Labels | null = null
  /** Probability of each name at each patch, [P, K]; null where names would be wrong. */
  #scores: Float32Array | null = null
  #wanted = ''
  /** Pictures that show emoji, by their owner's word. */
  readonly #trusted = new WeakSet<ImageBitmap>()

  constructor(host: Host) {
    this.#host = host
    // Also for a choice from the list, and Enter.
    input.addEventListener('change', () => {
      this.lookFor(input.value)
    })
    anyway.addEventListener('click', () => {
      const { shown } = host
      if (shown) this.#trusted.add(shown.bitmap)
      host.redraw()
      input.focus()
    })
  }

  /** What is looked for; empty: whatever the picture shows most of. */
  get wanted(): string {
    return this.#wanted
  }

  lookFor(name: string): void {
    this.#wanted = name.trim().toLowerCase()
    input.value = this.#wanted
    this.#host.redraw()
    this.#host.changed()
  }

  draw(shown: Shown | Ready, third: PatchView): void {
    third.showPicture(shown.bitmap, shown.bitmap.width / shown.bitmap.height)
    this.#scores = null
    const why = this.#whyNot(shown)
    anyway.hidden = !shown.nano || this.#named(shown)
    input.disabled = why !== ''
    say(why)
    chips.replaceChildren()
    if (why !== '' || !isReady(shown)) return
    if (!this.#labels) void this.#fetch()
    else this.#show(shown, this.#labels, third)
  }

  compare(): void {
    // names need no patch to compare with
  }

  marks<T>(marks: T): T {
    return marks
  }

  read(_: Ready, probe: number): Reading {
    const reading = { term: 'Surely', value: '–', otherTerm: 'Shows', other: '–' }
    if (!this.#labels || !this.#scores) return reading
    const K = this.#labels.names.length
    const here = this.#scores.subarray(probe * K, (probe + 1) * K)
    const best = largest(here)
    const share = here[best] ?? 0
    return { ...reading, value: formatPercent(share), other: share < SEEN ? 'background' : called(this.#labels, best) }
  }

  #named({ bitmap, emoji }: Shown): boolean {
    return emoji || this.#trusted.has(bitmap)
  }

  #whyNot(shown: Shown): string {
    if (!shown.nano) return 'Only the built-in model comes with names. Choose it below, under Model.'
    if (this.#named(shown)) return ''
    return (
      'The built-in model knows 152 emoji by name and has seen nothing else: its names for a photo would be wrong. ' +
      'What is alike in the photo it shows all the same.'
    )
  }

  async #fetch(): Promise<void> {
    try {
      const { loadLabels } = await import('sovit/nano')
      this.#labels ??= await loadLabels()
      const options = this.#labels.names.map((name, i) => new Option(this.#labels?.emoji[i], name))
      byId('find-names', HTMLDataListElement).replaceChildren(...options)
      this.#host.redraw()
    } catch (error) {
      say(error instanceof Error ? error.message : String(error))
    }
  }

  #show(shown: Ready, labels: Labels, third: PatchView): void {
    const { tokens } = shown
    third.setGrid(tokens.grid, tokens.coverage)
    if (tokens !== shown.last) {
      say('Names are of the last layer: move the slider there.')
      return
    }
    const scores = zeroShotMap(tokens.tokens, dimsOf(tokens), labels.vectors, labels.patch)
    this.#scores = scores
    const seen = mostSeen(scores, labels, tokens.pooled)
    const index = this.#wanted === '' ? (seen[0] ?? -1) : labels.names.indexOf(this.#wanted)
    chips.replaceChildren(...seen.map((k) => listItem(this.#chip(labels, k, k === index))))
    if (index < 0) {
      say(this.#wanted === '' ? 'No name is seen surely here.' : `“${this.#wanted}” is none of the 152 names.`)
      return
    }
    const K = labels.names.length
    const map = Float32Array.from({ length: tokens.dims[0] }, (_, patch) => scores[patch * K + index] ?? 0)
    third.showPatches(veil(map), tokens.grid)
    const patches = map.filter((share) => share >= SEEN).length
    const found = patches === 0 ? 'is not seen in any patch' : `is seen in ${patches} of ${map.length} patches`
    say(`${called(labels, index)} ${found}.`)
  }

  #chip(labels: Labels, index: number, pressed: boolean): HTMLButtonElement {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'chip'
    button.textContent = called(labels, index)
    button.setAttribute('aria-pressed', String(pressed))
    button.addEventListener('click', () => {
      this.lookFor(labels.names[index] ?? '')
      // The list was drawn anew.
      chips.querySelector<HTMLButtonElement>('[aria-pressed=true]')?.focus()
    })
    return button
  }
}

/** Names by how many patches show them, most first; those of the whole picture's embedding last. */
function mostSeen(scores: Float32Array, labels: Labels, pooled: Float32Array | null): number[] {
  const K = labels.names.length
  const counts = new Map<number, number>()
  for (let at = 0; at < scores.length; at += K) {
    const best = largest(scores.subarray(at, at + K))
    if ((scores[at + best] ?? 0) >= SEEN) counts.set(best, (counts.get(best) ?? 0) + 1)
  }
  if (pooled) {
    zeroShot(pooled, labels.vectors, labels.pooled).forEach((share, k) => {
      if (share >= SEEN && !counts.has(k)) counts.set(k, 0)
    })
  }
  const order = [...counts].sort(([, a], [, b]) => b - a)
  return order.slice(0, OFFERED).map(([k]) => k)
}

function called({ names, emoji }: Labels, index: number): string {
  return `${emoji[index] ?? ''} ${names[index] ?? ''}`
}

function say(text: string): void {
  note.textContent = text
}
