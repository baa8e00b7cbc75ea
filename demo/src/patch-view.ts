import { context2d } from './dom.js'

/** The part of a picture that its patches cover, as fractions of its height and width. */
export type Coverage = readonly [number, number]

/** Patches: [rows, columns]. */
export type Grid = readonly [number, number]

/** A patch to outline: the one pointed at, or the one held for comparison. */
export interface Mark {
  readonly index: number
  readonly held: boolean
}

/** A patch with a dot in it. */
export interface Dot {
  readonly index: number
  readonly colour: string
}

/** Below this patch side in device pixels, grid lines would hide the picture. */
const FINEST_GRID = 5

/** One canvas of the stage: a picture or a map of patches, the patch grid over it, and the marked patches. */
export class PatchView {
  private picture: CanvasImageSource | null = null
  /** One pixel a patch, over the picture. */
  private patches: CanvasImageSource | null = null
  private grid: Grid | null = null
  private coverage: Coverage = [1, 1]
  private marks: readonly Mark[] = []
  private dots: readonly Dot[] = []
  private aspect = 4 / 3

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly lines: boolean,
  ) {
    new ResizeObserver(() => {
      this.fit()
    }).observe(canvas.parentElement ?? canvas)
  }

  /** Shows a picture and forgets its patches until they are known. */
  showPicture(image: CanvasImageSource, aspect: number): void {
    this.reset(aspect)
    this.picture = image
    this.fit()
  }

  /** Empties the view, keeping its place for a picture of this aspect (width / height). */
  reset(aspect: number): void {
    this.aspect = aspect
    this.picture = null
    this.patches = null
    this.grid = null
    this.marks = []
    this.dots = []
    this.fit()
  }

  setGrid(grid: Grid, coverage: Coverage): void {
    this.grid = grid
    this.coverage = coverage
    this.draw()
  }

  /** Shows one colour a patch: `colours` is [P, 4], bytes, RGBA; the picture shines through. */
  showPatches(colours: Uint8ClampedArray<ArrayBuffer>, [rows, columns]: Grid): void {
    const image = document.createElement('canvas')
    image.width = columns
    image.height = rows
    context2d(image).putImageData(new ImageData(colours, columns, rows), 0, 0)
    this.patches = image
    this.draw()
  }

  setDots(dots: readonly Dot[]): void {
    this.dots = dots
    this.draw()
  }

  setMarks(marks: readonly Mark[]): void {
    this.marks = marks
    this.draw()
  }

  /** The patch at a point of the viewport, the nearest one when the point lies outside. */
  patchAt(x: number, y: number): number | null {
    if (!this.grid) return null
    const [rows, columns] = this.grid
    const box = this.canvas.getBoundingClientRect()
    const row = Math.floor(((y - box.top) / box.height / this.coverage[0]) * rows)
    const column = Math.floor(((x - box.left) / box.width / this.coverage[1]) * columns)
    return clamp(row, rows) * columns + clamp(column, columns)
  }

  /** Fills the frame with a canvas of the picture's aspect, in device pixels. */
  private fit(): void {
    const frame = this.canvas.parentElement
    if (!frame) return
    const width = Math.min(frame.clientWidth, frame.clientHeight * this.aspect)
    const height = width / this.aspect
    const density = window.devicePixelRatio
    this.canvas.style.width = `${width}px`
    this.canvas.style.height = `${height}px`
    this.canvas.width = Math.max(1, Math.round(width * density))
    this.canvas.height = Math.max(1, Math.round(height * density))
    this.draw()
  }

  private draw(): void {
    const context = context2d(this.canvas)
    const { width, height } = this.canvas
    context.clearRect(0, 0, width, height)
    this.canvas.classList.toggle('empty', this.picture === null && this.patches === null)
    context.imageSmoothingEnabled = true
    context.imageSmoothingQuality = 'high'
    if (this.picture) context.drawImage(this.picture, 0, 0, width, height)
    context.imageSmoothingEnabled = false // edges of patches stay sharp
    const [down, across] = this.coverage
    if (this.patches) context.drawImage(this.patches, 0, 0, width * across, height * down)
    if (!this.grid) return
    const cell = {
      width: (width * this.coverage[1]) / this.grid[1],
      height: (height * this.coverage[0]) / this.grid[0],
    }
    if (this.lines && Math.min(cell.width, cell.height) >= FINEST_GRID) drawLines(context, this.grid, cell)
    for (const dot of this.dots) drawDot(context, this.grid, cell, dot)
    for (const mark of this.marks) drawMark(context, this.grid, cell, mark)
  }
}

interface Cell {
  readonly width: number
  readonly height: number
}

function drawLines(context: CanvasRenderingContext2D, [rows, columns]: Grid, cell: Cell): void {
  context.beginPath()
  for (let row = 1; row < rows; row++) {
    const y = Math.round(row * cell.height) + 0.5
    context.moveTo(0, y)
    context.lineTo(columns * cell.width, y)
  }
  for (let column = 1; column < columns; column++) {
    const x = Math.round(column * cell.width) + 0.5
    context.moveTo(x, 0)
    context.lineTo(x, rows * cell.height)
  }
  context.strokeStyle = 'rgb(255 255 255 / 0.28)'
  context.lineWidth = 1
  context.stroke()
}

/** A white line in a dark one is seen on every colour; the held patch has a yellow one. */
function drawMark(context: CanvasRenderingContext2D, [, columns]: Grid, cell: Cell, { index, held }: Mark): void {
  const thick = Math.max(2, window.devicePixelRatio * 2)
  const x = (index % columns) * cell.width
  const y = Math.floor(index / columns) * cell.height
  context.lineJoin = 'round'
  for (const [colour, line] of [
    ['#0b0714', thick * 2.4],
    [held ? '#ffd84d' : '#fff', thick],
  ] as const) {
    context.strokeStyle = colour
    context.lineWidth = line
    context.strokeRect(x - thick / 2, y - thick / 2, cell.width + thick, cell.height + thick)
  }
}

function drawDot(context: CanvasRenderingContext2D, [, columns]: Grid, cell: Cell, { index, colour }: Dot): void {
  const radius = Math.max(2.5 * window.devicePixelRatio, Math.min(cell.width, cell.height) * 0.42)
  context.beginPath()
  context.arc(
    ((index % columns) + 0.5) * cell.width,
    (Math.floor(index / columns) + 0.5) * cell.height,
    radius,
    0,
    2 * Math.PI,
  )
  context.fillStyle = colour
  context.fill()
  context.lineWidth = window.devicePixelRatio
  context.strokeStyle = '#0b0714'
  context.stroke()
}

function clamp(value: number, count: number): number {
  return Math.min(count - 1, Math.max(0, value))
}
