import { cosineMap } from 'sovit/features'
import { viridisPatches } from '../colours.js'
import { formatCosine } from '../format.js'
import { dimsOf } from '../shown.js'
import { isReady, largest, place, type View } from './view.js'

/** Cosine of every patch with the one that is compared, [P]. */
let cosines = new Float32Array(0)

/** Where the picture is like one of its patches. */
export const alike: View = {
  title: 'Likeness',
  note: 'to the marked patch',
  points: true,
  draw(shown, third) {
    third.reset(shown.bitmap.width / shown.bitmap.height)
    if (isReady(shown)) third.setGrid(shown.tokens.grid, shown.tokens.coverage)
  },
  compare({ tokens }, patch, third) {
    cosines = new Float32Array(cosineMap(tokens.tokens, dimsOf(tokens), patch, { center: true }))
    third.showPatches(viridisPatches(cosines), tokens.grid)
  },
  marks: (marks) => marks,
  read({ tokens: { grid } }, probe, held) {
    const value = formatCosine(cosines[probe] ?? NaN)
    if (held !== null) return { term: 'Cosine', value, otherTerm: 'Compared with', other: place(held, grid[1]) }
    const other = largest(cosines, probe)
    const where = `${place(other, grid[1])} (${formatCosine(cosines[other] ?? NaN)})`
    return { term: 'Cosine', value, otherTerm: 'Most alike', other: where }
  },
}
