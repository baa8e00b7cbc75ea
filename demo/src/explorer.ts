import { cosineMap, pcaColors, viridis } from 'sovit/features'
import { byId, context2d, oncePerFrame } from './dom.js'
import { formatCosine } from './format.js'
import { PatchView, type Coverage, type Grid } from './patch-view.js'

/** Tokens of the picture on the stage. */
export interface Tokens {
  /** [P, C] */
  readonly tokens: Float32Array
  readonly dims: readonly [number, number]
  readonly grid: Grid
  readonly coverage: Coverage
}

const views = {
  picture: new PatchView(byId('view-picture', HTMLCanvasElement), true),
  pca: new PatchView(byId('view-pca', HTMLCanvasElement), false),
  cosine: new PatchView(byId('view-cosine', HTMLCanvasElement), false),
}
const all = Object.values(views)
const stage = byId('stage', HTMLDivElement)

let shown: Tokens | null = null
/** The patch pointed at. */
let probe = 0
/** The patch held for comparison; without one, the patch pointed at is compared. */
let held: number | null = null
/** Cosine of every patch with the reference patch, [P]. */
let cosines = new Float32Array(0)
let reference = -1

/** Shows the picture at once; its patches come later with `showTokens`. */
export function showPicture(image: ImageBitmap): void {
  shown = null
  const aspect = image.width / image.height
  views.picture.showPicture(image, aspect)
  views.pca.reset(aspect)
  views.cosine.reset(aspect)
}

/** Shows the patch grid, the tokens as colours, and the likeness to the patch in the middle. */
export function showTokens(tokens: Tokens): void {
  shown = tokens
  const [rows, columns] = tokens.grid
  for (const view of all) view.setGrid(tokens.grid, tokens.coverage)
  views.pca.showPatches(pcaColors(tokens.tokens, [...tokens.dims]), tokens.grid)
  byId('grid-note', HTMLSpanElement).textContent = `and its ${rows} × ${columns} patches`
  held = null
  reference = -1
  point(Math.floor(rows / 2) * columns + Math.floor(columns / 2))
}

/** Lets pointer and keys move the marked patch, and draws the colour scale. */
export function startExplorer(): void {
  const follow = oncePerFrame(point)
  for (const view of all) {
    const track = (event: PointerEvent): void => {
      const patch = view.patchAt(event.clientX, event.clientY)
      if (patch !== null) follow(patch)
    }
    view.canvas.addEventListener('pointermove', track)
    view.canvas.addEventListener('pointerdown', track)
    view.canvas.addEventListener('click', toggleHold)
  }
  stage.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !shown) return
    if (!onKey(event.key, shown.grid)) return
    event.preventDefault()
    byId('spoken', HTMLParagraphElement).textContent = spoken(shown.grid)
  })
  drawScale()
}

/** Moves or holds the mark; false when the key has no meaning here. */
function onKey(key: string, [rows, columns]: Grid): boolean {
  const row = Math.floor(probe / columns)
  const column = probe % columns
  const to = (nextRow: number, nextColumn: number): void => {
    point(Math.min(rows - 1, Math.max(0, nextRow)) * columns + Math.min(columns - 1, Math.max(0, nextColumn)))
  }
  if (key === 'ArrowUp') to(row - 1, column)
  else if (key === 'ArrowDown') to(row + 1, column)
  else if (key === 'ArrowLeft') to(row, column - 1)
  else if (key === 'ArrowRight') to(row, column + 1)
  else if (key === 'Home') to(row, 0)
  else if (key === 'End') to(row, columns - 1)
  else if (key === 'PageUp') to(0, column)
  else if (key === 'PageDown') to(rows - 1, column)
  else if (key === 'Enter' || key === ' ') toggleHold()
  else if (key === 'Escape' && held !== null) hold(null)
  else return false
  return true
}

function toggleHold(): void {
  hold(held === null ? probe : null)
}

function hold(patch: number | null): void {
  held = patch
  point(probe)
}

/** Marks a patch, compares it, and writes the figures. */
function point(patch: number): void {
  if (!shown || patch >= shown.dims[0]) return
  probe = patch
  const wanted = held ?? probe
  if (wanted !== reference) {
    reference = wanted
    cosines = new Float32Array(cosineMap(shown.tokens, [...shown.dims], reference, { center: true }))
    views.cosine.showPatches(colours(cosines), shown.grid)
  }
  const marks = held === null || held === probe ? [] : [{ index: held, held: true }]
  for (const view of all) view.setMarks([...marks, { index: probe, held: held === probe }])
  writeReadout(shown.grid)
}

function writeReadout([, columns]: Grid): void {
  const place = (patch: number): string => `row ${Math.floor(patch / columns)}, column ${patch % columns}`
  const write = (id: string, text: string): void => {
    byId(id, HTMLElement).textContent = text
  }
  write('read-row', `${Math.floor(probe / columns)}`)
  write('read-column', `${probe % columns}`)
  write('read-cosine', formatCosine(cosines[probe] ?? NaN))
  const other = held ?? mostAlike(cosines, probe)
  write('read-other-term', held === null ? 'Most alike' : 'Compared with')
  write('read-other', held === null ? `${place(other)} (${formatCosine(cosines[other] ?? NaN)})` : place(other))
}

function spoken([, columns]: Grid): string {
  const place = `Row ${Math.floor(probe / columns)}, column ${probe % columns}`
  if (held === null) return place
  return held === probe ? `${place}, held` : `${place}, cosine ${formatCosine(cosines[probe] ?? NaN)}`
}

/** The patch, other than `patch` itself, with the largest cosine. */
function mostAlike(values: Float32Array, patch: number): number {
  let best = patch
  let most = -Infinity
  values.forEach((value, index) => {
    if (index !== patch && value > most) {
      best = index
      most = value
    }
  })
  return best
}

/** Viridis over the whole range of a cosine, so that a colour means the same for every patch. [P, 3] */
function colours(values: Float32Array): Uint8ClampedArray {
  const bytes = new Uint8ClampedArray(values.length * 3)
  values.forEach((value, index) => {
    bytes.set(viridis((value + 1) / 2), index * 3)
  })
  return bytes
}

function drawScale(): void {
  const canvas = byId('scale', HTMLCanvasElement)
  const context = context2d(canvas)
  for (let x = 0; x < canvas.width; x++) {
    const [red, green, blue] = viridis(x / (canvas.width - 1))
    context.fillStyle = `rgb(${red} ${green} ${blue})`
    context.fillRect(x, 0, 1, 1)
  }
}
