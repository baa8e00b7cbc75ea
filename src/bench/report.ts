/** A piece of a report, as soon as it is measured. */
export interface Section {
  /** What it is about. */
  readonly title: string
  /** Heads of the table's columns. */
  readonly columns: readonly string[]
  /** Cells of the table, row by row, as they are shown. */
  readonly rows: readonly (readonly string[])[]
  /** What must be known to read it. */
  readonly notes: readonly string[]
  /** The same for programs, in plain units: seconds are `ms`, rates are per second, sizes are bytes. */
  readonly data: unknown
}

/** Markdown that is also a table on a terminal: columns are padded, numbers are at the right. */
export function markdown({ title, columns, rows, notes }: Section): string {
  const widths = columns.map((column, i) => Math.max(3, ...[column, ...rows.map((row) => row[i] ?? '')].map(length)))
  const right = numericColumns(rows, columns.length)
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => pad(cells[i] ?? '', width, right[i] ?? false)).join(' | ')} |`
  const ruler = `| ${widths.map((width, i) => (right[i] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
  const table = rows.length > 0 ? [line(columns), ruler, ...rows.map(line)] : []
  return [`### ${title}`, '', ...table, ...notes.map((note) => `\n${note}`), ''].join('\n')
}

/** A number with its unit, or two (`353 to 423 ms`), or that there is none. */
const NUMBER = /^(?:|–|[\d.]+(?:e[+-]\d+)?(?: to [\d.]+)?[%×]?(?: \p{L}[\w/]*)?)$/u

/** Columns that hold nothing but numbers, which belong at the right; the first one names its row. */
export function numericColumns(rows: Section['rows'], columns: number): readonly boolean[] {
  return Array.from({ length: columns }, (_, i) => i > 0 && rows.every((row) => NUMBER.test(row[i] ?? '')))
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - length(text)))
  return right ? space + text : text + space
}

const length = (text: string): number => Array.from(text).length

/** Milliseconds with three digits that count: `0.0412 ms`, `4.40 ms`, `4403 ms`. */
export function formatMs(ms: number): string {
  return `${threeDigits(ms)} ms`
}

/** FLOP per second: `8.21 GFLOP/s`, `67.0 TFLOP/s`. */
export function formatRate(flops: number): string {
  return flops < 1e12 ? `${threeDigits(flops / 1e9)} GFLOP/s` : `${threeDigits(flops / 1e12)} TFLOP/s`
}

export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${threeDigits(bytes / 1e3)} kB`
  return bytes < 1e9 ? `${threeDigits(bytes / 1e6)} MB` : `${threeDigits(bytes / 1e9)} GB`
}

export function formatShare(share: number): string {
  return `${(100 * share).toFixed(0)}%`
}

function threeDigits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
