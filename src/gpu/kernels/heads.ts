/** The kernels of what lies before and behind a tower's blocks. A file of its own, as many checkpoints need none. */
export { addSincos } from './add-sincos.js'
export { crossAttention } from './cross-attention.js'
export { gatherRows } from './gather-rows.js'
export { interpolatePositions } from './interpolate-positions.js'
export { meanRows } from './mean-rows.js'
