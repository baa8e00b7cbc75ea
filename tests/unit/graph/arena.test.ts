import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignSlots, type Lifetime, type Room } from '../../../src/graph/arena.js'

const lifetimes = fc
  .array(
    fc.record({
      per: fc.constantFrom<Room['per']>('patch', 'group', 'once'),
      bytes: fc.integer({ min: 1, max: 64 }),
      from: fc.nat(20),
      length: fc.nat(6),
    }),
    { minLength: 1 },
  )
  .map((all) => all.map(({ length, ...rest }, value) => ({ ...rest, value, to: rest.from + length })))

const live = (all: readonly Lifetime<number>[], step: number) =>
  all.filter(({ from, to }) => from <= step && step <= to)
const size = (rooms: readonly Room[]) => rooms.reduce((total, { bytes }) => total + bytes, 0)

test('values that live at the same time never share a slot, and each fits its own', () => {
  fc.assert(
    fc.property(lifetimes, (all) => {
      const { slots, slotOf } = assignSlots(all)
      for (let step = 0; step <= 26; step++) {
        const taken = live(all, step).map(({ value }) => slotOf.get(value))
        expect(new Set(taken).size).toBe(taken.length)
      }
      for (const { value, per, bytes } of all) {
        const slot = slots[slotOf.get(value) ?? -1]
        expect(slot?.per).toBe(per)
        expect(slot?.bytes).toBeGreaterThanOrEqual(bytes)
      }
    }),
  )
})

test('never more bytes than without sharing, never fewer than live at once', () => {
  fc.assert(
    fc.property(lifetimes, (all) => {
      const bytes = size(assignSlots(all).slots)
      const most = Math.max(...all.map(({ from }) => size(live(all, from))))
      expect(bytes).toBeLessThanOrEqual(size(all))
      expect(bytes).toBeGreaterThanOrEqual(most)
    }),
  )
})

test('a chain needs two slots: a step reads one and writes the other', () => {
  const chain = [0, 1, 2, 3, 4].map((value) => ({ value, per: 'patch' as const, bytes: 8, from: value, to: value + 1 }))
  expect(assignSlots(chain).slots.map(({ bytes }) => bytes)).toEqual([8, 8])
})
