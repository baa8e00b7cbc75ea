import { expect, it } from 'vitest'
import { scalingSection, type LoadReport } from '../../../src/bench/scaling.js'
import { summarise } from '../../../src/bench/statistics.js'

const load = (pictures: number, tokens: number, ms: number, attention: number | null): LoadReport => ({
  ...{ pictures, tokens, attention, timing: summarise([ms]) },
  ...{ flops: 1e9, arenaBytes: 100 * tokens },
})

it('takes the attention out of the time per token, and packed pictures by one of them', () => {
  const { rows } = scalingSection(
    [load(1, 1024, 1024, 0.2), load(1, 1036, 1100, 0.2), load(1, 4096, 8192, 0.5), load(10, 10360, 11110, 0.2)],
    'f32',
  )
  expect(rows.map((row) => [row[0], row[3], row[4], row[5], row[6], row[8]])).toEqual([
    ['1024 tokens', '1.00 ms', '20%', '1.00×', '', '0.100 kB'],
    ['1036 tokens', '1.06 ms', '20%', '1.06×', '', '0.100 kB'],
    ['4096 tokens', '2.00 ms', '50%', '1.25×', '', '0.100 kB'], // 2 ms, half of it attention, by 0.8
    ['10 of 1036 tokens', '1.07 ms', '20%', '1.07×', '10.10×', '0.100 kB'],
  ])
})

it('says nothing of attention where the device has no clock', () => {
  const { rows } = scalingSection([load(1, 1024, 51.2, null)], 'f32')
  expect(rows[0]?.slice(3, 6)).toEqual(['50.0 µs', '–', '–'])
})
