import type { Mark, PatchView } from '../patch-view.js'
import type { Shown, Tokens } from '../shown.js'

/** What the readout says of the patch pointed at. */
export interface Reading {
  readonly term: string
  readonly value: string
  readonly otherTerm: string
  readonly other: string
}

/** An encoded picture. */
export interface Ready extends Shown {
  /** Of the layer that was chosen. */
  readonly tokens: Tokens
  /** Of the last layer. */
  readonly last: Tokens
}

/** One way to fill the third frame. */
export interface View {
  readonly title: string
  readonly note: string
  /** Whether patches of the third frame are patches of the picture, to point at. */
  readonly points: boolean
  /** Draws everything anew: another picture, other tokens, or this view was chosen. */
  draw(shown: Shown | Ready, third: PatchView): void
  /** Another patch is the one that is compared. Comes after each `draw` with tokens. */
  compare(shown: Ready, patch: number, third: PatchView): void
  /** Marks for the third frame, of those on the other two. */
  marks(marks: readonly Mark[]): readonly Mark[]
  /** `held`: the patch that is held for comparison, or null. */
  read(shown: Ready, probe: number, held: number | null): Reading
}

/** The stage that views are shown on. */
export interface Host {
  readonly shown: Shown | Ready | null
  /** The picture's own frame, for dots in it. */
  readonly lead: PatchView
  /** Has the view in the third frame drawn anew; nothing happens where it is another. */
  redraw(): void
  /** What a link to this page tells has changed. */
  changed(): void
}

export function isReady(shown: Shown | Ready): shown is Ready {
  return shown.tokens !== null
}

export function place(patch: number, columns: number): string {
  return `row ${Math.floor(patch / columns)}, column ${patch % columns}`
}

/** The index of the largest value, other than `except`. */
export function largest(values: Float32Array, except = -1): number {
  let best = -1
  values.forEach((value, index) => {
    if (index !== except && (best < 0 || value > (values[best] ?? 0))) best = index
  })
  return Math.max(best, 0)
}
