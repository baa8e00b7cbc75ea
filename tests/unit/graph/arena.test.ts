import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignSlots, type Lifetime } from '../../../src/graph/arena.js'

const lifetimes = fc
  .array(fc.record({ bytesPerRow: fc.integer({ min: 1, max: 64 }), from: fc.nat(20), length: fc.nat(6) }), {
    minLength: 1,
  })
  .map((all) => all.map(({ bytesPerRow, from, length }, value) => ({ value, bytesPerRow, from, to: from + length })))

const live = (all: readonly Lifetime<number>[], step: number) =>
  all.filter(({ from, to }) => from <= step && step <= to)
const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0)

test('values that live at the same time never share a slot, and each fits its own', () => {
  fc.assert(
    fc.property(lifetimes, (all) => {
      const { slots, slotOf } = assignSlots(all)
      for (let step = 0; step <= 26; step++) {
        const taken = live(all, step).map(({ value }) => slotOf.get(value))
        expect(new Set(taken).size).toBe(taken.length)
      }
      for (const { value, bytesPerRow } of all)
        expect(slots[slotOf.get(value) ?? -1]).toBeGreaterThanOrEqual(bytesPerRow)
    }),
  )
})

test('never more bytes than without sharing, never fewer than live at once', () => {
  fc.assert(
    fc.property(lifetimes, (all) => {
      const bytes = sum(assignSlots(all).slots)
      const most = Math.max(...all.map(({ from }) => sum(live(all, from).map(({ bytesPerRow }) => bytesPerRow))))
      expect(bytes).toBeLessThanOrEqual(sum(all.map(({ bytesPerRow }) => bytesPerRow)))
      expect(bytes).toBeGreaterThanOrEqual(most)
    }),
  )
})

test('a chain needs two slots: a step reads one and writes the other', () => {
  const chain = [0, 1, 2, 3, 4].map((value) => ({ value, bytesPerRow: 8, from: value, to: value + 1 }))
  expect(assignSlots(chain).slots).toEqual([8, 8])
})
