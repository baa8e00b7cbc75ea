import { expect, it } from 'vitest'
import { repeat, summarise } from '../../../src/bench/statistics.js'

// numpy.quantile([9, 1, 4, 7, 2, 8], [0.5, 0.9]) is [5.5, 8.5]
it('summarises times in any order, as numpy does', () => {
  expect(summarise([9, 1, 4, 7, 2, 8])).toEqual({ runs: 6, median: 5.5, p90: 8.5, min: 1, max: 9 })
})

it('summarises one time', () => {
  expect(summarise([3])).toEqual({ runs: 1, median: 3, p90: 3, min: 3, max: 3 })
})

it('runs at least so often when time is up at once', async () => {
  expect((await repeat(() => Promise.resolve(5), { ms: 0, least: 3, most: 9 })).runs).toBe(3)
})

it('runs at most so often when time is left', async () => {
  expect((await repeat(() => Promise.resolve(5), { ms: 60_000, least: 1, most: 4 })).runs).toBe(4)
})

it('counts the times it was given', async () => {
  expect(await repeat(() => Promise.resolve(5), { ms: 0, least: 2, most: 2 }, [7])).toMatchObject({ runs: 2, max: 7 })
})
