export { bench, planBench, type BenchOptions, type BenchPlan } from './bench.js'
export { markdown, numericColumns, type Section } from './report.js'
