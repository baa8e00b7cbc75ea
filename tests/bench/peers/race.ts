import { repeat, summarise, type Budget, type Timing } from '../../../src/bench/statistics.js'

/** Somebody who can encode the subject. */
export interface Racer {
  readonly name: string
  /** Milliseconds of one encode, from input in JavaScript to tokens in JavaScript. */
  run(): Promise<number>
  /** The residual stream after the last block, [P, C]. */
  hidden(): Promise<ArrayLike<number>>
  close(): void | Promise<void>
}

/** Runs all in turn, round after round, so that whatever else the machine does hits all of them alike. */
export async function race(racers: readonly Racer[], budget: Budget): Promise<Timing[]> {
  for (const racer of racers) await racer.run() // compiles, allocates
  const times = racers.map((): number[] => [])
  await repeat(async () => {
    let round = 0
    for (const [i, racer] of racers.entries()) {
      const ms = await racer.run()
      times[i]?.push(ms)
      round += ms
    }
    return round
  }, budget)
  return times.map(summarise)
}
