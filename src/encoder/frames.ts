import { SovitError } from '../errors.js'
import type { BatchImage } from '../graph/batch.js'
import type { VisionConfig } from '../model/config.js'

/** Positions of frames in the released table (resampler.py of MiniCPM-V 4.5). */
const MOST_FRAMES = 72_000

/**
 * Marks the frames of videos (MiniCPM-V 4.5, `temporal_ids`): one list for each group of pictures that the resampler looks
 * at together, with the place in time of each, or −1 for none.
 *
 * @throws SovitError `BAD_OPTION` where the lists do not name each picture once, or there is no resampler
 */
export function withFrames<I extends BatchImage>(
  images: readonly I[],
  groups: readonly (readonly number[])[],
  { resampler }: VisionConfig,
): readonly I[] {
  if (!resampler) throw bad('need a checkpoint with a resampler. Leave them out')
  const named = groups.flat().length
  if (named !== images.length || groups.some(({ length }) => length === 0)) {
    throw bad(`name ${named} pictures; there are ${images.length}. Give each picture, or slice, one number`)
  }
  const wrong = groups.flat().find((id) => !Number.isInteger(id) || id < -1 || id >= MOST_FRAMES)
  if (wrong !== undefined) throw bad(`hold ${wrong}. Use whole numbers from 0 to ${MOST_FRAMES - 1}, or -1`)
  const marks = groups.flatMap((ids) => ids.map((id, i) => ({ ...(id >= 0 && { frame: id }), joins: i > 0 })))
  return images.map((image, i) => ({ ...image, ...marks[i] }))
}

function bad(what: string): SovitError {
  return new SovitError('BAD_OPTION', `temporalIds ${what}.`)
}
