import { crossCosineMap, matchPatches } from 'sovit/features'
import { viridisPatches } from '../colours.js'
import { byId, painted } from '../dom.js'
import { formatCosine } from '../format.js'
import type { Dot, Mark, PatchView } from '../patch-view.js'
import type { Source } from '../pictures.js'
import { dimsOf, type Shown, type Tokens } from '../shown.js'
import { isReady, largest, place, type Host, type Reading, type Ready, type View } from './view.js'

/** Matches that are shown at once: more could not be told apart. */
const MATCHES = 24

/** Encodes a picture beside the one on the stage, at the same size and layer. */
export type EncodeOther = (picture: Blob) => Promise<{ readonly bitmap: ImageBitmap; readonly tokens: Tokens }>

const NONE: Source = {
  name: '',
  emoji: false,
  open: () => Promise.reject(new Error('Choose a second picture.')),
}

/** A picture that is compared with these tokens. */
interface Wanted {
  readonly of: Source
  readonly beside: Tokens
}

interface Other extends Wanted {
  readonly bitmap: ImageBitmap
  readonly tokens: Tokens
}

const select = byId('pair-select', HTMLSelectElement)
const file = byId('pair-file', HTMLInputElement)
const matches = byId('pair-matches', HTMLInputElement)
const note = byId('pair-note', HTMLParagraphElement)

/** Where a second picture is like a patch of the first. */
export class Pair implements View {
  readonly title = 'Second picture'
  readonly note = 'lit where alike'
  readonly points = false
  readonly #host: Host
  readonly #sources: readonly Source[]
  readonly #encode: EncodeOther
  #chosen: Source
  #other: Other | null = null
  /** What is being encoded. */
  #loading: Wanted | null = null
  #best = 0
  #cosine = NaN

  /** `beside`: name of the sample to begin with, if it is one. */
  constructor(host: Host, sources: readonly Source[], encode: EncodeOther, beside: string) {
    this.#host = host
    this.#sources = sources
    this.#encode = encode
    this.#chosen = sources.find(({ name }) => name === beside) ?? sources[1] ?? NONE
    select.replaceChildren(...sources.map(({ name }) => new Option(name, name)))
    select.value = this.chosen
    select.addEventListener('change', () => {
      const chosen = sources.find(({ name }) => name === select.value)
      if (chosen) this.#use(chosen)
    })
    file.addEventListener('change', () => {
      const [picked] = file.files ?? []
      file.value = ''
      if (picked) this.#use({ name: picked.name, emoji: false, open: () => Promise.resolve(picked) })
    })
    matches.addEventListener('change', () => {
      host.redraw()
    })
  }

  /** The sample that is compared with, or nothing where it is a picture of the user's. */
  get chosen(): string {
    return this.#sources.includes(this.#chosen) ? this.#chosen.name : ''
  }

  #use(source: Source): void {
    this.#chosen = source
    select.value = this.chosen
    this.#host.redraw()
    this.#host.changed()
  }

  draw(shown: Shown | Ready, third: PatchView): void {
    if (!isReady(shown)) {
      third.reset(shown.bitmap.width / shown.bitmap.height)
      return
    }
    if (this.#other?.of !== this.#chosen || this.#other.beside !== shown.tokens) {
      third.reset(4 / 3)
      const { of, beside } = this.#loading ?? {}
      if (of !== this.#chosen || beside !== shown.tokens) void this.#load({ of: this.#chosen, beside: shown.tokens })
      return
    }
    const { bitmap, tokens } = this.#other
    third.showPicture(bitmap, bitmap.width / bitmap.height)
    third.setGrid(tokens.grid, tokens.coverage)
    note.textContent = ''
    this.#host.lead.setDots([])
    if (matches.checked) void this.#match(shown, third)
  }

  compare(shown: Ready, patch: number, third: PatchView): void {
    if (!this.#other || this.#other.beside !== shown.tokens) return
    const cosines = crossCosineMap(mapOf(shown.tokens), patch, mapOf(this.#other.tokens))
    this.#best = largest(cosines)
    this.#cosine = cosines[this.#best] ?? NaN
    third.showPatches(viridisPatches(cosines, 190), this.#other.tokens.grid)
  }

  marks(): readonly Mark[] {
    return this.#other ? [{ index: this.#best, held: false }] : []
  }

  read({ tokens }: Ready): Reading {
    const there = this.#other?.beside === tokens ? this.#other : null
    return {
      term: 'Cosine',
      value: there ? formatCosine(this.#cosine) : '–',
      otherTerm: 'Most alike there',
      other: there ? place(this.#best, there.tokens.grid[1]) : '–',
    }
  }

  async #load(wanted: Wanted): Promise<void> {
    this.#loading = wanted
    note.textContent = `Encoding ${wanted.of.name}`
    try {
      const other = await this.#encode(await wanted.of.open())
      if (this.#loading !== wanted) return
      this.#other = { ...wanted, ...other }
      this.#host.redraw()
    } catch (error) {
      if (this.#loading === wanted) note.textContent = error instanceof Error ? error.message : String(error)
    }
  }

  /** Takes a while for large pictures, so it comes after everything else is painted. */
  async #match(shown: Ready, third: PatchView): Promise<void> {
    const other = this.#other
    await painted()
    if (!other || other !== this.#other || this.#host.shown !== shown) return
    const found = matchPatches(mapOf(shown.tokens), mapOf(other.tokens)).slice(0, MATCHES)
    const dots = (end: 'from' | 'to'): Dot[] =>
      found.map((match, i) => ({ index: match[end], colour: `hsl(${(i * 137.5) % 360} 85% 62%)` }))
    this.#host.lead.setDots(dots('from'))
    third.setDots(dots('to'))
    note.textContent = `The ${found.length} best of the patches that are each other's most alike, in like colours.`
  }
}

function mapOf(tokens: Tokens) {
  return { tokens: tokens.tokens, dims: dimsOf(tokens) }
}
