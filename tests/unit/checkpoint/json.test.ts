/** Names that occur twice in one object, which JSON.parse does not tell. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { duplicateKey } from '../../../src/checkpoint/json.js'
import { seeded } from './seed.js'

/** All that a reader of braces, quotes and colons could mistake for something else. */
const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', ':', '{', '}', '[', ']', ' ', '\n', 'é') })
const white = fc.constantFrom('', ' ', '\n', '\t\r')
const { value } = fc.letrec<{ value: string; members: string[]; object: string }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, text.map(quoted), fc.constant('-1.5e3'), tie('object'), list(tie('value'))),
  members: fc
    .uniqueArray(text, { maxLength: 4 })
    .chain((names) => fc.tuple(...names.map((name) => member(name, tie('value'))))),
  object: tie('members').map((members) => `{${members.join(',')}}`),
}))

function quoted(string: string): string {
  return JSON.stringify(string)
}

function member(name: string, of: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(white, white, white, of).map(([a, b, c, json]) => `${a}${quoted(name)}${b}:${c}${json}`)
}

function list(of: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .array(
      fc.tuple(white, of, white).map((parts) => parts.join('')),
      { maxLength: 3 },
    )
    .map((all) => `[${all.join(',')}]`)
}

it('has none where every name of an object is its own', () => {
  fc.assert(
    fc.property(value, (json) => {
      JSON.parse(json)
      expect(duplicateKey(json)).toBeNull()
    }),
    seeded(500),
  )
})

it('finds a name that comes again, however it is written and whatever lies between', () => {
  const escaped = (name: string): string =>
    `"${Array.from(name, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
  fc.assert(
    fc.property(text, value, value, white, (name, first, second, space) => {
      const json = `[${first},{${quoted(name)}${space}:${first},${escaped(name)}${space}:${second}}]`
      JSON.parse(json)
      expect(duplicateKey(json)).toBe(name)
    }),
    seeded(500),
  )
})
