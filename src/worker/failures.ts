import { SovitError } from '../errors.js'
import type { SentError } from './protocol.js'

/** An error as it crosses: classes, and causes of any kind, do not. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof Error)) return { code: null, name: 'Error', message: String(error), cause: null }
  const cause = error.cause === undefined ? null : textOf(error.cause)
  return { code: error instanceof SovitError ? error.code : null, name: error.name, message: error.message, cause }
}

/** The error on the caller's side; its cause, where it had one, is an Error that says the same. */
export function receivedError({ code, name, message, cause }: SentError): Error {
  const options = cause === null ? undefined : { cause: new Error(cause) }
  if (code) return new SovitError(code, message, options)
  return Object.assign(new Error(message, options), { name })
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
}
