/**
 * `toEqual` of typed arrays by their elements alone. Without this it also lists all of their keys, twice: a quarter of the time
 * of the goldens' tests. As it does, this tells 0 from -0, and takes NaN for NaN.
 */
import { expect } from 'vitest'

type Elements = ArrayBufferView & ArrayLike<unknown>

const isTypedArray = (x: unknown): x is Elements => ArrayBuffer.isView(x) && !(x instanceof DataView)

function areEqual(a: Elements, b: Elements): boolean {
  if (a.constructor !== b.constructor || a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false
  return true
}

expect.addEqualityTesters([(a, b) => (isTypedArray(a) && isTypedArray(b) ? areEqual(a, b) : undefined)])
