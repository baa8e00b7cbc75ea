import { describe, expect, it } from 'vitest'
import { choice, count, parseCommand, UsageError } from '../../../src/cli/args.js'

const OPTIONS = { out: { value: 'FILE', help: 'a file' }, 'hidden-states': { help: 'a flag' } } as const

describe('parseCommand', () => {
  it('tells options, flags and the rest apart', () => {
    const { values, positionals } = parseCommand(['a.png', '--out', 'x', '--hidden-states', '--', '--b.png'], OPTIONS)
    expect(values).toEqual({ out: 'x', 'hidden-states': true })
    expect(positionals).toEqual(['a.png', '--b.png'])
  })

  it('leaves out what is not given', () => {
    expect(parseCommand([], OPTIONS).values).toEqual({ out: undefined, 'hidden-states': false })
  })

  it.each([
    [['--ot', 'x'], 'Did you mean --out?'],
    [['--frobnicate'], 'Unknown option --frobnicate.'],
    [['--toString'], 'Unknown option --toString.'],
    [['-x'], 'Unknown option -x.'],
    [['--out'], '--out needs a value'],
    [['--out', '--hidden-states'], '--out needs a value'],
    [['--out='], '--out needs a value'],
    [['--hidden-states=yes'], 'takes no value'],
    [['--out', 'a', '--out', 'b'], 'given twice'],
  ])('refuses %j', (args, words) => {
    expect(() => parseCommand(args, OPTIONS)).toThrow(UsageError)
    expect(() => parseCommand(args, OPTIONS)).toThrow(words)
  })
})

describe('values of options', () => {
  it('are one of a list', () => {
    expect(choice('heads', 'all', ['all', 'none'])).toBe('all')
    expect(() => choice('tune', 'of', ['off'])).toThrow(UsageError)
    expect(() => choice('tune', 'of', ['off'])).toThrow('Did you mean off?')
  })

  it('are whole numbers in a range', () => {
    expect(count('repeat', '3', 1, 10)).toBe(3)
    for (const text of ['0', '11', '-1', '1.5', '1e1', '', '0x2', '9999999999']) {
      expect(() => count('repeat', text, 1, 10), text).toThrow(UsageError)
    }
  })
})
