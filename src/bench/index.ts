export { bench, type BenchOptions } from './bench.js'
export { markdown, numericColumns, type Section } from './report.js'
