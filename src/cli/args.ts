import { parseArgs } from 'node:util'
import { SovitError } from '../errors.js'

/** The user's command makes no sense as written: exit status 2, with the command's usage. */
export class UsageError extends Error {}

/** One option of a command. Without `value` it is a flag; with it, `value` names what the user puts there. */
export interface Option {
  readonly value?: string
  readonly help: string
}

export type Options = Readonly<Record<string, Option>>

export interface Parsed<O extends Options> {
  readonly values: { readonly [K in keyof O]: O[K] extends { value: string } ? string | undefined : boolean }
  readonly positionals: readonly string[]
}

/** Reads `args` by the table `options`. Throws `UsageError` for unknown, repeated and valueless options. */
export function parseCommand<const O extends Options>(args: readonly string[], options: O): Parsed<O> {
  const types = Object.fromEntries(
    Object.entries<Option>(options).map(([name, { value }]) => [name, { type: value ? 'string' : 'boolean' } as const]),
  )
  // Not parseArgs' own strict mode: it cannot suggest a near option, and lets the last of two equal options win.
  const { tokens, positionals } = parseArgs({ args: [...args], options: types, strict: false, tokens: true })
  const values: Record<string, string | boolean | undefined> = {}
  for (const [name, { value }] of Object.entries<Option>(options)) values[name] = value ? undefined : false
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (!option)
      throw new UsageError(`Unknown option ${token.rawName}.${suggest(token.name, Object.keys(options), '--')}`)
    if (values[token.name]) throw new UsageError(`Option --${token.name} is given twice.`)
    values[token.name] = valueOf(token.name, option, token.value, token.inlineValue ?? false)
  }
  return { values: values as Parsed<O>['values'], positionals }
}

function valueOf(name: string, option: Option, value: string | undefined, inline: boolean): string | true {
  if (!option.value) {
    if (value !== undefined) throw new UsageError(`Option --${name} takes no value, but got "${value}".`)
    return true
  }
  // `--out --json` is a forgotten value; `--out=--json` is a strange but clear one.
  if (!value || (!inline && value.startsWith('--')))
    throw new UsageError(`Option --${name} needs a value: ${option.value}.`)
  return value
}

/** `value` when it is one of `allowed`, else `UsageError`. */
export function choice<const T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === value)
  if (found !== undefined) return found
  throw new UsageError(`--${option} cannot be "${value}".${suggest(value, allowed)} Use one of: ${allowed.join(', ')}.`)
}

/** A whole number from `min` to `max`, else `UsageError`. */
export function count(option: string, value: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN
  if (number >= min && number <= max) return number
  throw new UsageError(`--${option} must be a whole number from ${min} to ${max}, but is "${value}".`)
}

/** For what the documentation promises and this version cannot do: an error, never silence. */
export function notYet(what: string, instead: string): SovitError {
  return new SovitError('BAD_OPTION', `${what} is not supported yet. ${instead}.`)
}

/** ` Did you mean X?` for the nearest of `names`, or nothing when none is near. */
export function suggest(word: string, names: readonly string[], prefix = ''): string {
  const ranked = names.map((name) => ({ name, far: distance(word, name) })).sort((a, b) => a.far - b.far)
  const best = ranked[0]
  return best && best.far <= Math.max(1, Math.floor(word.length / 3)) ? ` Did you mean ${prefix}${best.name}?` : ''
}

/** Edits (insert, delete, replace) between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The option table as lines of help. */
export function helpOf(options: Options): string {
  const rows = Object.entries(options).map(([name, { value, help }]) => [`--${name}${value ? ` ${value}` : ''}`, help])
  const width = Math.max(...rows.map(([left = '']) => left.length))
  return rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}
