import { expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { VisionEncoder } from '../../src/index.js'
import { readSafetensors } from '../../src/checkpoint/safetensors-read.js'
import { testGpu } from '../support/device.js'
test('smoke', async () => {
  const bytes = readFileSync('weights/sovit-tiny.safetensors')
  const exp = readSafetensors(new Uint8Array(readFileSync('weights/expected.safetensors')))
  for (const [k, v] of exp) console.log(k, v.dtype, v.shape)
  for (const precision of ['f32', 'f16'] as const) {
    const e = await VisionEncoder.load(new Uint8Array(bytes), { gpu: await testGpu(), precision })
    console.log(e.model, e.device, e.precision, e.load, e.gpuBytes, e.gpuBuffers)
    const data = new Float32Array(3 * 448 * 448).map((_, i) => Math.sin(i * 0.001))
    const t0 = performance.now()
    const r = await e.encode({ pixels: { data, width: 448, height: 448 } }, { hiddenStates: true })
    console.log(r.dims, r.grid, r.tokens.slice(0, 5), performance.now() - t0, r.hiddenStates?.length)
    const t1 = performance.now()
    await e.encode({ pixels: { data, width: 448, height: 448 } })
    console.log(performance.now() - t1)
    e.dispose()
  }
})
