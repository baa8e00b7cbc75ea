/** What may lie behind the tower, in the form of their papers or released code. */
export { poolingHead } from './pooling.js'
export { resampler } from './resampler.js'
export { merger, windowMerger } from './merger.js'
