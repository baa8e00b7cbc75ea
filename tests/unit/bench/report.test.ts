import { expect, it } from 'vitest'
import { formatBytes, formatMs, formatRate, markdown } from '../../../src/bench/report.js'
import { sovit400m, syntheticTower } from '../../../src/bench/synthetic.js'
import { towerFlops } from '../../../src/bench/workload.js'

it('writes a table whose columns stand under one another', () => {
  const section = { columns: ['a', 'ms'], rows: [['long name', '1.5'], ['b', '12.25']], notes: ['Note.'], data: null } // prettier-ignore
  expect(markdown({ title: 'Title', ...section })).toBe(
    `### Title

| a         |    ms |
| --------- | ----: |
| long name |   1.5 |
| b         | 12.25 |

Note.
`,
  )
})

it('writes numbers with three digits that count', () => {
  expect([formatMs(0.041234), formatMs(4.4), formatMs(4403.4)]).toEqual(['0.0412 ms', '4.40 ms', '4403 ms'])
  expect([formatRate(8.214e9), formatRate(67e12)]).toEqual(['8.21 GFLOP/s', '67.0 TFLOP/s'])
  expect([formatBytes(4096), formatBytes(26850832), formatBytes(1.6e9)]).toEqual(['4.10 kB', '26.9 MB', '1.60 GB'])
})

// timm's results list 487.18 GMAC for vit_so400m_patch14_siglip_gap_448, without the position table's addition.
it('counts the work of an encode as timm does', () => {
  expect(towerFlops(sovit400m(27), 1024) / 2e9).toBeCloseTo(487.18, -0.5)
})

it('makes weights at a trained scale, the same every time', () => {
  const config = { ...sovit400m(1), width: 72, mlp: 96, table: 4 }
  const [one, two] = [syntheticTower(config), syntheticTower(config)]
  expect(one).toEqual(two)
  const bits = Uint32Array.from(one.get('encoder.layers.0.mlp.fc1.weight')?.data ?? [], (half) => half << 16)
  const values = [...new Float32Array(bits.buffer)]
  const power = values.reduce((sum, value) => sum + value * value, 0) / values.length
  expect(power * 72).toBeCloseTo(1, 1) // so that a product is as large as what is multiplied
})
