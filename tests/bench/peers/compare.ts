import { formatMs, formatRate, type Section } from '../../../src/bench/report.js'
import { MATRIX_NOTE, spread } from '../../../src/bench/bench.js'
import type { Budget } from '../../../src/bench/statistics.js'
import { towerFlops } from '../../../src/bench/workload.js'
import { race, type Racer } from './race.js'
import { referenceError, type referenceRows } from './reference.mjs'
import type { Subject } from './subject.js'

/** The first racer is ours. Closes all of them. */
export async function compareRacers(
  title: string,
  subject: Subject,
  racers: readonly Racer[],
  budget: Budget,
  reference: ReturnType<typeof referenceRows> | null,
): Promise<Section> {
  const timings = await race(racers, budget)
  const flops = towerFlops(subject.config, subject.positions.length)
  const own = timings[0]?.median ?? NaN
  const results = []
  for (const [i, racer] of racers.entries()) {
    const timing = timings[i]
    if (!timing) continue
    const nmse = reference ? referenceError(await racer.hidden(), reference) : null
    results.push({
      name: racer.name,
      timing,
      flops: flops / (timing.median / 1e3),
      timesOurs: timing.median / own,
      nmse,
    })
    await racer.close()
  }
  return {
    title,
    columns: ['who', 'median', 'least to most', 'runs', 'rate', 'time / ours', 'NMSE'],
    rows: results.map(({ name, timing, flops, timesOurs, nmse }) => [
      ...[name, formatMs(timing.median), spread(timing), String(timing.runs), formatRate(flops)],
      ...[`${timesOurs.toFixed(2)}×`, nmse?.toExponential(1) ?? '–'],
    ]),
    notes: [
      `${subject.config.layers} of 27 blocks, ${subject.positions.length} tokens, patches to tokens, interleaved runs.` +
        (reference ? ' NMSE: of the residual stream after the block, against f64, same weights and pixels.' : ''),
      ...(results.some(({ name }) => name.endsWith('products matrix')) ? [MATRIX_NOTE] : []),
    ],
    data: results,
  }
}
