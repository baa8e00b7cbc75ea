import { sliceSizes, type SliceSizes } from 'sovit'
import { pcaColors } from 'sovit/features'
import type { Encoding } from 'sovit/worker'
import { byId, context2d } from '../dom.js'
import { formatTime } from '../format.js'
import type { Mark, PatchView } from '../patch-view.js'
import type { Shown } from '../shown.js'
import type { Host, Reading, Ready, View } from './view.js'

const PATCH = 14
const MOST_SLICES = 9
/** Between slices, in pixels of the drawing. */
const GAP = 6

/** Encodes the picture on the stage as MiniCPM-V does: overview and slices. */
export type EncodeSlices = () => Promise<readonly Encoding[]>

const button = byId('slices-encode', HTMLButtonElement)
const note = byId('slices-note', HTMLParagraphElement)

/** How MiniCPM-V cuts the picture, so that its language model can read what is small. */
export class Slices implements View {
  readonly title = 'Slices'
  readonly note = 'as MiniCPM-V reads the picture'
  readonly points = false
  readonly #host: Host
  readonly #encode: EncodeSlices
  #encoded: { readonly of: ImageBitmap; readonly pieces: readonly Encoding[]; readonly ms: number } | null = null

  constructor(host: Host, encode: EncodeSlices) {
    this.#host = host
    this.#encode = encode
    button.addEventListener('click', () => void this.#run())
  }

  draw(shown: Shown, third: PatchView): void {
    const plan = sliceSizes(shown.bitmap, PATCH, MOST_SLICES)
    const pieces = this.#encoded?.of === shown.bitmap ? this.#encoded.pieces : null
    const drawing = pieces ? inColours(plan, pieces) : inPieces(shown.bitmap, plan)
    third.showPicture(drawing, drawing.width / drawing.height)
    button.disabled = shown.tokens === null || pieces !== null
    note.textContent = this.#words(plan, pieces !== null)
  }

  compare(): void {
    // slices have patches of their own
  }

  marks(): readonly Mark[] {
    return []
  }

  read(_: Ready): Reading {
    return { term: 'Cosine', value: '–', otherTerm: 'Most alike', other: '–' }
  }

  #words({ overview, refined }: SliceSizes, done: boolean): string {
    const tokens = (width: number, height: number): number => (width / PATCH) * (height / PATCH)
    const whole = tokens(overview.width, overview.height)
    const first = `An overview of ${overview.width} × ${overview.height} pixels, ${whole} tokens`
    const took =
      done && this.#encoded ? ` Encoded in ${formatTime(this.#encoded.ms)}; colours are of all pieces together.` : ''
    if (!refined) return `${first}: pictures of up to 448 × 448 pixels are not sliced.${took}`
    const { rows, columns } = refined
    const [width, height] = [refined.width / columns, refined.height / rows]
    const slices = `${columns} × ${rows} slices of ${width} × ${height}`
    return `${first}, and ${slices}, ${whole + rows * columns * tokens(width, height)} tokens in all.${took}`
  }

  async #run(): Promise<void> {
    const { shown } = this.#host
    if (!shown) return
    button.disabled = true
    note.textContent = 'Encoding the slices'
    const start = performance.now()
    try {
      const pieces = await this.#encode()
      this.#encoded = { of: shown.bitmap, pieces, ms: performance.now() - start }
      this.#host.redraw()
    } catch (error) {
      note.textContent = error instanceof Error ? error.message : String(error)
      button.disabled = false
    }
  }
}

/** A canvas of `rows` × `columns` cells with gaps between them, each drawn by `draw`. */
function cells(
  { overview, refined }: SliceSizes,
  draw: (
    context: CanvasRenderingContext2D,
    row: number,
    column: number,
    x: number,
    y: number,
    w: number,
    h: number,
  ) => void,
): HTMLCanvasElement {
  const { rows, columns, width, height } = refined ?? { rows: 1, columns: 1, ...overview }
  const canvas = document.createElement('canvas')
  canvas.width = width + GAP * (columns - 1)
  canvas.height = height + GAP * (rows - 1)
  const context = context2d(canvas)
  const [w, h] = [width / columns, height / rows]
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      draw(context, row, column, column * (w + GAP), row * (h + GAP), w, h)
    }
  }
  return canvas
}

function inPieces(bitmap: ImageBitmap, plan: SliceSizes): HTMLCanvasElement {
  const { rows, columns } = plan.refined ?? { rows: 1, columns: 1 }
  const [width, height] = [bitmap.width / columns, bitmap.height / rows]
  return cells(plan, (context, row, column, x, y, w, h) => {
    context.drawImage(bitmap, column * width, row * height, width, height, x, y, w, h)
  })
}

/** Principal components of all pieces together, so that a colour means the same in each. */
function inColours(plan: SliceSizes, pieces: readonly Encoding[]): HTMLCanvasElement {
  const channels = pieces[0]?.dims[1] ?? 1
  const all = new Float32Array(pieces.reduce((sum, { tokens }) => sum + tokens.length, 0))
  const begins: number[] = []
  let at = 0
  for (const { tokens } of pieces) {
    begins.push(at / channels)
    all.set(tokens, at)
    at += tokens.length
  }
  const colours = pcaColors(all, [at / channels, channels])
  return cells(plan, (context, row, column, x, y, w, h) => {
    const index = pieces.findIndex(({ source }) => plan.refined === null || (source[1] === row && source[2] === column))
    const [rows, columns] = pieces[index]?.grid ?? [1, 1]
    const image = new ImageData(columns, rows)
    const begin = begins[index] ?? 0
    for (let patch = 0; patch < rows * columns; patch++) {
      image.data.set([...colours.subarray((begin + patch) * 3, (begin + patch) * 3 + 3), 255], patch * 4)
    }
    const small = document.createElement('canvas')
    small.width = columns
    small.height = rows
    context2d(small).putImageData(image, 0, 0)
    context.imageSmoothingEnabled = false
    context.drawImage(small, x, y, w, h)
  })
}
