import { describe, expect, it } from 'vitest'
import { sovit400m } from '../../../src/bench/synthetic.js'
import type { Picture } from '../../../src/cli/pictures.js'
import { encodeJson, encodeLines } from '../../../src/cli/report.js'
import type { EncodeReport } from '../../../src/cli/runtime.js'

const pixels = { width: 42, height: 30, data: new Float32Array(3 * 42 * 30) }
const picture: Picture = { source: 'a.png', piece: [0, -1, -1], width: 640, height: 480, pixels }
const report: EncodeReport = {
  model: {
    source: '/long/path/model.safetensors',
    layout: 'vpm',
    family: 'minicpm-v',
    dtype: 'BF16',
    config: sovit400m(27),
  },
  device: {
    vendor: 'v',
    architecture: 'a',
    description: '',
    features: ['subgroups'],
    software: true,
    matrixUnits: null,
    backend: 'dawn',
  },
  precision: 'f32',
  arithmetic: 'f32',
  load: {
    ms: 1234.5,
    tuneMs: 12,
    cachedBytes: 0,
    fetchedBytes: 2e6,
    weightBytes: 1e6,
    gpuBytes: 3e6,
    peakHostBytes: 4e6,
  },
  encodings: [
    {
      tokens: new Float32Array(6912),
      dims: [6, 1152],
      type: 'float32',
      grid: [2, 3],
      source: [0, -1, -1],
      positions: 'navit',
    },
  ],
  ms: [30, 10, 20],
  gpuMs: [29, 8, 18],
}

it('the JSON of encode has the documented fields', () => {
  expect(encodeJson('model', 'node', report, [picture])).toEqual({
    model: { source: 'model', layout: 'vpm', dtype: 'BF16', layers: 27, width: 1152, heads: 16, mlp: 4304, table: 70 },
    device: { vendor: 'v', architecture: 'a', description: '', backend: 'dawn', features: ['subgroups'] },
    precision: 'f32',
    arithmetic: 'f32',
    runtime: 'node',
    load: {
      ms: 1234.5,
      tuneMs: 12,
      cachedBytes: 0,
      fetchedBytes: 2e6,
      weightBytes: 1e6,
      gpuBytes: 3e6,
      peakHostBytes: 4e6,
    },
    images: [{ source: 'a.png', piece: [0, -1, -1], grid: [2, 3], tokens: 6 }],
    ms: [30, 10, 20],
    gpuMs: [29, 8, 18],
  })
})

describe('the lines of encode', () => {
  it('say model, device, precision, load, picture and time', () => {
    expect(encodeLines('model', report, [picture])).toEqual([
      'model      model: vpm, BF16, 27 layers × 1152',
      'device     v a, a software rasteriser (dawn)',
      'precision  f32, products in f32',
      'load       1235 ms, 2.0 MB fetched, 3.0 MB on the GPU',
      'picture    a.png: 640×480 as 42×30, grid 2×3, 6 tokens',
      'encode     20.0 ms, median of 3 runs, 18.0 ms on the GPU',
    ])
  })

  it("say each picture's share of a packed call", () => {
    const two = { ...report, encodings: [...report.encodings, ...report.encodings], ms: [30], gpuMs: null }
    expect(encodeLines('model', two, [picture, { ...picture, source: 'b.png', piece: [1, -1, -1] }]).slice(4)).toEqual([
      'picture    a.png: 640×480 as 42×30, grid 2×3, 6 tokens',
      'picture    b.png: 640×480 as 42×30, grid 2×3, 6 tokens',
      'encode     30.0 ms, 15.0 ms a picture',
    ])
  })

  it('name the slices of a picture, whose time is that of one', () => {
    const two = { ...report, encodings: [...report.encodings, ...report.encodings], ms: [30], gpuMs: null }
    expect(encodeLines('model', two, [picture, { ...picture, piece: [0, 1, 2] }]).slice(4)).toEqual([
      'picture    a.png: 640×480 as 42×30, grid 2×3, 6 tokens',
      'picture    a.png: 640×480, slice 1,2 of 42×30, grid 2×3, 6 tokens',
      'encode     30.0 ms',
    ])
  })
})
