/** Printed, so that the cases of any run can be repeated. */
const seed = Number(process.env.SOVIT_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.log(`fast-check: SOVIT_SEED=${seed} repeats these cases`)

/** Parameters of a property test. */
export function seeded(numRuns = 100): { seed: number; numRuns: number } {
  return { seed, numRuns }
}
