import { Gpu } from '../../../src/gpu/device.js'
import { planBench } from '../../../src/bench/bench.js'
import type { Section } from '../../../src/bench/report.js'
import type { Budget } from '../../../src/bench/statistics.js'
import { compareRacers } from './compare.js'
import { ours } from './ours.js'
import { OrtNode } from './ort-node.js'
import type { Racer } from './race.js'
import { referenceRows } from './reference.js'
import { makeSubject } from './subject.js'

export type PeerName = 'ort' | 'web' | 'torch'

export interface PeerOptions {
  readonly gpu: GPU
  readonly side?: number
  readonly layers?: number
  readonly quick?: boolean
  readonly onPhase: (what: string) => void
}

/** Races against onnxruntime-node on the same adapter, in each precision, both forms of its attention. */
export async function* raceOrtNode(options: PeerOptions): AsyncGenerator<Section> {
  const info = await Gpu.open({ gpu: options.gpu })
  const { side, layers, precisions } = planBench(info, options)
  const { software } = info.info
  info.dispose()
  const budget: Budget = software
    ? { ms: options.quick ? 0 : 30_000, least: options.quick ? 1 : 3, most: 9 }
    : { ms: 10_000, least: options.quick ? 5 : 30, most: 50 }
  const subject = makeSubject(layers, side)
  const reference = layers === 1 ? referenceRows(subject, 16) : null
  const ort = new OrtNode(JSON.parse(process.env['SOVIT_BENCH_NODE'] ?? '["node"]') as string[])
  try {
    for (const precision of precisions) {
      options.onPhase(`Racing against onnxruntime-node, ${precision}`)
      const racers: Racer[] = [
        await ours(options.gpu, subject, precision),
        await ort.racer(subject, precision, 'fused'),
        await ort.racer(subject, precision, 'plain'),
      ]
      yield await compareRacers(`Against onnxruntime-node's WebGPU provider, ${precision}`, subject, racers, budget, reference)
    }
  } finally {
    ort.close()
    subject.dispose()
  }
}
