import { expect } from 'vitest'
import type { SovitErrorCode } from '../../src/errors.js'

/** The failure of `work`, which must have this code. */
export async function failure(work: Promise<unknown>, code: SovitErrorCode): Promise<Error> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason as Error,
  )
  expect(error).toMatchObject({ code })
  return error
}
