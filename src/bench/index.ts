export { bench, planBench, type BenchOptions, type BenchPlan } from './bench.js'
export { markdown, type Section } from './report.js'
