import { viridis } from 'sovit/features'
import { tokenColours } from './colours.js'
import { byId, context2d, oncePerFrame } from './dom.js'
import { PatchView, type Grid, type Mark } from './patch-view.js'
import type { Shown, Tokens } from './shown.js'
import { isReady, place, type Host, type Ready, type View } from './views/view.js'

const views = {
  picture: new PatchView(byId('view-picture', HTMLCanvasElement), true),
  tokens: new PatchView(byId('view-pca', HTMLCanvasElement), false),
  third: new PatchView(byId('view-third', HTMLCanvasElement), false),
}
const stage = byId('stage', HTMLDivElement)
const layerSlider = byId('layer', HTMLInputElement)
const foregroundSlider = byId('foreground', HTMLInputElement)

/** What a link tells of the stage; empty where it is as at the start. */
export interface StageState {
  /** The patch that is held. */
  readonly held: string
  readonly layer: string
  readonly foreground: string
}

export interface StageEvents {
  /** Something that a link tells is another now. */
  readonly onChange: () => void
  /** Earlier layers are wanted, and the tokens came without. */
  readonly onLayers: () => void
}

/** The picture, its tokens as colours, and a view that can be chosen; one patch is marked in all of them. */
class Stage implements Host {
  readonly lead = views.picture
  shown: Shown | Ready | null = null
  #view: View | null = null
  /** The patch pointed at. */
  #probe = 0
  /** The patch held for comparison; without one, the patch pointed at is compared. */
  #held: number | null = null
  #reference = -1
  #events: StageEvents = { onChange: () => undefined, onLayers: () => undefined }
  /** The layer that is wanted, whether its tokens are there or not; null for the last. */
  #layer: number | null = null
  /** To be held when the first tokens come. */
  #toHold: number | null = null

  start(events: StageEvents): void {
    this.#events = events
    const follow = oncePerFrame((patch: number) => {
      this.point(patch)
    })
    for (const view of Object.values(views)) {
      const track = (event: PointerEvent): void => {
        if (view === views.third && !this.#view?.points) return
        const patch = view.patchAt(event.clientX, event.clientY)
        if (patch !== null) follow(patch)
      }
      view.canvas.addEventListener('pointermove', track)
      view.canvas.addEventListener('pointerdown', track)
      view.canvas.addEventListener('click', () => {
        this.#toggleHold()
      })
    }
    stage.addEventListener('keydown', (event) => {
      this.#onKeyDown(event)
    })
    layerSlider.addEventListener('input', () => {
      const layer = Number(layerSlider.value)
      this.#layer = layer === Number(layerSlider.max) ? null : layer
      this.#drawTokens()
    })
    const recolour = oncePerFrame(() => {
      this.#drawColours()
    })
    foregroundSlider.addEventListener('input', recolour)
    for (const slider of [layerSlider, foregroundSlider]) {
      slider.addEventListener('change', () => {
        this.changed()
      })
    }
    drawScale()
  }

  get state(): StageState {
    const text = (value: number | null): string => (value === null ? '' : String(value))
    return {
      held: text(this.#held),
      layer: text(this.#layer),
      foreground: foregroundSlider.value === '0' ? '' : foregroundSlider.value,
    }
  }

  /** For the picture that comes next. */
  set state({ held, layer, foreground }: StageState) {
    const number = (text: string): number | null => (/^\d{1,6}$/.test(text) ? Number(text) : null)
    this.#toHold = number(held)
    this.#layer = number(layer)
    foregroundSlider.value = String(number(foreground) ?? 0)
  }

  get probe(): number {
    return this.#probe
  }

  /** Shows the picture at once; its patches come with `showTokens`. */
  showPicture(bitmap: ImageBitmap, emoji: boolean, nano: boolean): void {
    this.shown = { bitmap, emoji, nano, tokens: null }
    const aspect = bitmap.width / bitmap.height
    views.picture.showPicture(bitmap, aspect)
    views.tokens.reset(aspect)
    this.#drawView()
  }

  /** Shows the tokens of the picture, and marks `probe`, or the patch in its middle. */
  showTokens(tokens: Tokens, nano: boolean, probe?: number): void {
    if (!this.shown) return
    const [rows, columns] = tokens.grid
    const last = Math.max(tokens.depth, 1)
    if (this.#layer !== null && this.#layer >= last) this.#layer = null
    layerSlider.max = String(last)
    layerSlider.value = String(this.#layer ?? last)
    layerSlider.disabled = tokens.depth === 0
    this.shown = { ...this.shown, nano, tokens, last: tokens }
    for (const view of [views.picture, views.tokens]) view.setGrid(tokens.grid, tokens.coverage)
    byId('grid-note', HTMLSpanElement).textContent = `and its ${rows} × ${columns} patches`
    const inside = (patch: number | null | undefined): patch is number =>
      patch !== null && patch !== undefined && patch < rows * columns
    this.#held = inside(this.#toHold) ? this.#toHold : null
    this.#toHold = null
    const middle = Math.floor(rows / 2) * columns + Math.floor(columns / 2)
    this.#probe = this.#held ?? (inside(probe) ? probe : middle)
    this.#drawTokens()
  }

  choose(view: View): void {
    this.#view = view
    byId('third-title', HTMLElement).textContent = view.title
    byId('third-note', HTMLSpanElement).textContent = view.note
    views.third.canvas.setAttribute('aria-label', view.title)
    this.redraw()
  }

  redraw(): void {
    views.picture.setDots([])
    this.#drawView()
    this.point(this.#probe)
  }

  changed(): void {
    this.#events.onChange()
  }

  /** Marks a patch, compares it, and writes the figures. */
  point(patch: number): void {
    const { shown } = this
    if (!shown || !isReady(shown) || !this.#view || patch >= shown.tokens.dims[0]) return
    this.#probe = patch
    const wanted = this.#held ?? patch
    if (wanted !== this.#reference) {
      this.#reference = wanted
      this.#view.compare(shown, wanted, views.third)
    }
    const held = this.#held
    const marks: Mark[] = held === null || held === patch ? [] : [{ index: held, held: true }]
    marks.push({ index: patch, held: held === patch })
    for (const view of [views.picture, views.tokens]) view.setMarks(marks)
    views.third.setMarks(this.#view.marks(marks))
    this.#read(shown, this.#view)
  }

  #drawTokens(): void {
    const { shown } = this
    if (!shown || !isReady(shown)) return
    const layer = this.#layer
    const { layers, depth } = shown.last
    if (layer !== null && layers.length === 0) this.#events.onLayers()
    const earlier = layer === null ? undefined : layers[layer]
    const tokens = earlier ? { ...shown.last, tokens: earlier } : shown.last
    const name = layer === null ? 'last' : layer === 0 ? 'embeddings' : `${layer} of ${depth}`
    byId('layer-value', HTMLOutputElement).textContent = name
    this.shown = { ...shown, tokens }
    this.#drawColours()
    this.redraw()
  }

  #drawColours(): void {
    const { shown } = this
    const percent = Number(foregroundSlider.value)
    byId('foreground-value', HTMLOutputElement).textContent = percent === 0 ? 'off' : `${100 - percent}%`
    if (shown && isReady(shown)) views.tokens.showPatches(tokenColours(shown.tokens, percent / 100), shown.tokens.grid)
  }

  #drawView(): void {
    this.#reference = -1
    if (this.shown && this.#view) this.#view.draw(this.shown, views.third)
  }

  #onKeyDown(event: KeyboardEvent): void {
    const { shown } = this
    if (event.ctrlKey || event.metaKey || event.altKey || !shown || !isReady(shown)) return
    if (!this.#onKey(event.key, shown.tokens.grid)) return
    event.preventDefault()
    byId('spoken', HTMLParagraphElement).textContent = this.#spoken(shown.tokens.grid)
  }

  /** Moves or holds the mark; false when the key has no meaning here. */
  #onKey(key: string, [rows, columns]: Grid): boolean {
    const [row, column] = [Math.floor(this.#probe / columns), this.#probe % columns]
    const to = (nextRow: number, nextColumn: number): void => {
      this.point(Math.min(rows - 1, Math.max(0, nextRow)) * columns + Math.min(columns - 1, Math.max(0, nextColumn)))
    }
    if (key === 'ArrowUp') to(row - 1, column)
    else if (key === 'ArrowDown') to(row + 1, column)
    else if (key === 'ArrowLeft') to(row, column - 1)
    else if (key === 'ArrowRight') to(row, column + 1)
    else if (key === 'Home') to(row, 0)
    else if (key === 'End') to(row, columns - 1)
    else if (key === 'PageUp') to(0, column)
    else if (key === 'PageDown') to(rows - 1, column)
    else if (key === 'Enter' || key === ' ') this.#toggleHold()
    else if (key === 'Escape' && this.#held !== null) this.#hold(null)
    else return false
    return true
  }

  #toggleHold(): void {
    this.#hold(this.#held === null ? this.#probe : null)
    this.changed()
  }

  #hold(patch: number | null): void {
    this.#held = patch
    this.point(this.#probe)
  }

  #read(shown: Ready, view: View): void {
    const [, columns] = shown.tokens.grid
    const { term, value, otherTerm, other } = view.read(shown, this.#probe, this.#held)
    const texts = {
      'read-row': `${Math.floor(this.#probe / columns)}`,
      'read-column': `${this.#probe % columns}`,
      'read-value-term': term,
      'read-value': value,
      'read-other-term': otherTerm,
      'read-other': other,
    }
    for (const [id, text] of Object.entries(texts)) byId(id, HTMLElement).textContent = text
  }

  #spoken([, columns]: Grid): string {
    const where = place(this.#probe, columns)
    const sentence = where.charAt(0).toUpperCase() + where.slice(1)
    if (this.#held === this.#probe) return `${sentence}, held`
    const text = (id: string): string => byId(id, HTMLElement).textContent
    return `${sentence}, ${text('read-value-term').toLowerCase()} ${text('read-value')}`
  }
}

export const theStage = new Stage()

function drawScale(): void {
  const canvas = byId('scale', HTMLCanvasElement)
  const context = context2d(canvas)
  for (let x = 0; x < canvas.width; x++) {
    const [red, green, blue] = viridis(x / (canvas.width - 1))
    context.fillStyle = `rgb(${red} ${green} ${blue})`
    context.fillRect(x, 0, 1, 1)
  }
}
