import { describe, expect, it } from 'vitest'
import { formatBytes, formatWait } from '../../../demo/src/format.js'
import { figures, Rate } from '../../../demo/src/rate.js'

const MB = 1e6

/** `pieces` of 8 MB, one every `ms`, from time 0. */
function steady(rate: Rate, pieces: number, ms: number): number {
  rate.restart(0, 0)
  for (let i = 1; i <= pieces; i++) rate.add(i * 8 * MB, i * ms)
  return pieces * ms
}

describe('rate of a download', () => {
  it('is not told before it is known', () => {
    const rate = new Rate()
    expect(rate.perSecond(0)).toBe(null)
    rate.restart(5, 0)
    expect(rate.perSecond(1000)).toBe(null)
    rate.add(8 * MB, 20)
    expect(rate.perSecond(30)).toBe(null)
  })

  it.each([
    [40, 100, 80],
    [20, 500, 16],
    // Slower than the window: one piece every seven seconds.
    [4, 7000, 8 / 7],
  ])('of %i pieces, one every %i ms', (pieces, ms, expected) => {
    const rate = new Rate()
    const now = steady(rate, pieces, ms)
    expect((rate.perSecond(now) ?? 0) / MB).toBeCloseTo(expected, 5)
    expect((rate.perSecond(now + 0.9 * ms) ?? 0) / MB).toBeCloseTo(expected, 5)
  })

  it('is that of the last seconds, and does not jump', () => {
    const rate = new Rate()
    const start = steady(rate, 100, 100) // 80 MB/s
    const seen: number[] = []
    for (let i = 1; i <= 30; i++) {
      rate.add((100 + i) * 8 * MB, start + i * 400) // 20 MB/s
      seen.push((rate.perSecond(start + i * 400) ?? 0) / MB)
    }
    expect(seen[0]).toBeGreaterThan(70)
    expect(seen.at(-1)).toBeCloseTo(20, 5)
    seen.forEach((value, i) => {
      if (i > 0) expect((seen[i - 1] ?? 0) - value).toBeLessThan(8)
    })
  })

  it('forgets what was before the window when reports never pause', () => {
    const rate = new Rate()
    steady(rate, 100, 10)
    for (let i = 1; i <= 1000; i++) rate.add(800 * MB + i * 0.1 * MB, 1000 + i * 10)
    expect((rate.perSecond(11_000) ?? 0) / MB).toBeCloseTo(10, 1)
  })

  it('counts many reports of one piece as one', () => {
    const rate = new Rate()
    rate.restart(0, 0)
    for (let piece = 1; piece <= 5; piece++) {
      for (let part = 1; part <= 20; part++) rate.add((piece - 1) * 8 * MB + part * 0.4 * MB, piece * 3000 + part)
    }
    expect((rate.perSecond(15_020) ?? 0) / MB).toBeCloseTo(8 / 3, 1)
    expect(rate.silent(22_000)).toBe(false)
  })

  it('ends when nothing comes any more', () => {
    const rate = new Rate()
    const now = steady(rate, 40, 100)
    expect(rate.silent(now + 5000)).toBe(false)
    expect(rate.silent(now + 7000)).toBe(true)
    expect(rate.perSecond(now + 7000)).toBe(null)
  })
})

it('says how much there is, how fast, and for how long', () => {
  const rate = new Rate()
  const now = steady(rate, 40, 125)
  const event = { status: 'progress', phase: 'download', name: '', file: '', progress: 0, total: 836 * MB } as const
  const at = { ...event, loaded: 320 * MB }
  expect(figures(at, rate, now)).toBe('320 MB of 836 MB · 64.0 MB/s · 9 s left')
  expect(figures(at, rate, now + 10_000)).toBe('320 MB of 836 MB · waiting for more')
  expect(figures(at, new Rate(), now)).toBe('320 MB of 836 MB')
  expect(figures({ ...at, phase: 'cache' }, rate, now)).toBe('320 MB of 836 MB')
})

it('formats bytes and waits', () => {
  const bytes = [0, 999, 83_400, 1_440_000, 99_940_000, 99_960_000, 836_400_000, 1_650_000_000]
  expect(bytes.map(formatBytes)).toEqual(['0 B', '999 B', '83 kB', '1.4 MB', '99.9 MB', '100 MB', '836 MB', '1.65 GB'])
  expect([0.2, 11, 90, 170, 4800].map(formatWait)).toEqual(['1 s', '11 s', '90 s', '3 min', '1 h 20 min'])
})
