import { planBench } from '../../../src/bench/bench.js'
import type { Section } from '../../../src/bench/report.js'
import type { Budget } from '../../../src/bench/statistics.js'
import type { Arithmetic } from '../../../src/gpu/arithmetic.js'
import { Gpu } from '../../../src/gpu/device.js'
import { compareRacers } from './compare.js'
import { OrtNode } from './ort-node.js'
import { WebRace } from './ort-web.js'
import { ours } from './ours.js'
import type { Racer } from './race.js'
import { referenceRows } from './reference.mjs'
import { makeSubject } from './subject.js'
import { torchRacer } from './torch.js'

export interface PeerOptions {
  readonly gpu: GPU
  /** How to start Node on the driver that `gpu` uses. */
  readonly node: readonly string[]
  readonly side?: number
  readonly layers?: number
  readonly quick: boolean
  readonly arithmetics?: readonly Arithmetic[]
  readonly onPhase: (what: string) => void
}

/** Rows whose exact values are computed: enough for an error, few enough for plain JavaScript. */
const REFERENCE_ROWS = 16

/** Races against onnxruntime-node on the same adapter, in each precision, with both forms of its attention. */
export async function* raceOrtNode(options: PeerOptions): AsyncGenerator<Section> {
  const { side, layers, precisions, ways, budget } = await planRace(options)
  const subject = makeSubject(layers, side)
  const reference = layers === 1 ? referenceRows(subject, REFERENCE_ROWS) : null
  const ort = new OrtNode(options.node)
  try {
    for (const precision of precisions) {
      options.onPhase(`Racing against onnxruntime-node, ${precision}`)
      const racers: Racer[] = []
      for (const way of ways) if (way.precision === precision) racers.push(await ours(options.gpu, subject, way))
      for (const attention of ['fused', 'plain'] as const) racers.push(await ort.racer(subject, precision, attention))
      const title = `Against onnxruntime-node's WebGPU provider, ${precision}`
      yield await compareRacers(title, subject, racers, budget, reference)
    }
  } finally {
    ort.close()
    subject.dispose()
  }
}

/** Races against PyTorch, where PYTHON names a Python that has it: all of our ways against its best. */
export async function* raceTorch(options: PeerOptions): AsyncGenerator<Section> {
  const { side, layers, ways, budget } = await planRace(options)
  const subject = makeSubject(layers, side)
  try {
    options.onPhase('Racing against PyTorch')
    const torch = await torchRacer(subject)
    const own = await Promise.all(ways.map((way) => ours(options.gpu, subject, way)))
    const reference = layers === 1 ? referenceRows(subject, REFERENCE_ROWS) : null
    yield await compareRacers('Against PyTorch', subject, [...own, torch], budget, reference)
  } finally {
    subject.dispose()
  }
}

/** Races against onnxruntime-web in Chromium on its software rasteriser: always one block, 256 tokens, f32. */
export async function* raceOrtWeb({ quick, onPhase }: PeerOptions): AsyncGenerator<Section> {
  const subject = makeSubject(1, quick ? 8 : 16)
  onPhase('Racing against onnxruntime-web in Chromium')
  const page = await WebRace.open(subject)
  try {
    const racers = [await page.ours(), await page.ort('fused'), await page.ort('plain')]
    const budget: Budget = { ms: 0, least: quick ? 1 : 2, most: 2 }
    const title = 'Against onnxruntime-web in Chromium, on SwiftShader (no measure of any GPU)'
    yield await compareRacers(title, subject, racers, budget, referenceRows(subject, REFERENCE_ROWS))
  } finally {
    await page.close()
    subject.dispose()
  }
}

async function planRace(options: PeerOptions) {
  const gpu = await Gpu.open({ gpu: options.gpu })
  const { quick } = options
  const plan = planBench(gpu.info, options)
  const budget: Budget = gpu.info.software
    ? { ms: quick ? 0 : 30_000, least: quick ? 1 : 3, most: 9 }
    : { ms: 10_000, least: quick ? 5 : 30, most: 50 }
  gpu.dispose()
  return { ...plan, budget }
}
