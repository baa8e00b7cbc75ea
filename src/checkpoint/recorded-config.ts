import { SovitError } from '../errors.js'
import { isObject, type JsonObject } from './json.js'
import type { Checkpoint } from './types.js'

/** Metadata of a file of a tower alone: what config.json said of it. */
export const RECORDED_CONFIG = 'sovit.config'

/** What the file itself records belongs to its tensors for sure; a config.json beside it need not. */
export function configOf({ source, config, metadata }: Checkpoint): JsonObject | null {
  const recorded = metadata.get(RECORDED_CONFIG)
  if (recorded === undefined) return config
  try {
    const value: unknown = JSON.parse(recorded)
    if (isObject(value)) return value
  } catch {
    // told below
  }
  throw new SovitError('BAD_CONFIG', `${source} records a ${RECORDED_CONFIG} that is no JSON object. Convert it again.`)
}
