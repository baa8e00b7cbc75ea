import { expect, it } from 'vitest'
import { readArguments } from '../../bench/options.js'

it.each([
  [[], {}, ['ort', 'web']],
  [[], { PYTHON: 'python3' }, ['ort', 'web', 'torch']],
  [['--quick'], { PYTHON: 'python3' }, []],
  [['--quick', '--peers', 'torch,ort'], {}, ['torch', 'ort']],
  [['--peers=all'], {}, ['ort', 'web', 'torch']],
  [['--peers=none'], {}, []],
])('%j with %j races against %j', (args, environment, peers) => {
  expect(readArguments(args, environment).peers).toEqual(peers)
})

it('reads a number of tokens as a side', () => {
  expect(readArguments(['--tokens', '4900', '--layers', '3'], {})).toMatchObject({ side: 70, layers: 3 })
})

it.each([
  [['--tokens', '1000'], /1000 is no square/],
  [['--tokens', 'x'], /--tokens x/],
  [['--layers', '28'], /28 is not from 1 to 27/],
  [['--peers', 'tfjs'], /--peers: there is no 'tfjs'/],
  [['--arithmetic', 'bf16'], /--arithmetic: there is no 'bf16'/],
])('refuses %j', (args, message) => {
  expect(() => readArguments(args, {})).toThrow(message)
})
