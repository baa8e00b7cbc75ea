import { SovitError } from '../errors.js'

export type Json = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A count under `key`, or undefined where there is none. Throws `BAD_CONFIG`. */
export function count(json: Json, key: string): number | undefined {
  const value = json[key]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
  throw bad(`${key} is ${JSON.stringify(value)}, expected a whole number of at least 1`)
}

export function bad(what: string): SovitError {
  return new SovitError('BAD_CONFIG', `config.json cannot be used: ${what}. Use the config.json of the weights.`)
}
