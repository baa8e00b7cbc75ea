import { describe, expect, it } from 'vitest'
import { parseCommand, UsageError } from '../../../src/cli/args.js'
import { ENCODE_OPTIONS, encodeOptions } from '../../../src/cli/encode-options.js'
import { parseSize } from '../../../src/cli/image-options.js'

const request = (...args: string[]) => {
  const { values, positionals } = parseCommand(args, ENCODE_OPTIONS)
  return encodeOptions(values, positionals)
}

describe('parseSize', () => {
  it('reads a side, height by width, and every rule', () => {
    expect(parseSize('448')).toBe(448)
    expect(parseSize('336x602')).toEqual({ height: 336, width: 602 })
    expect(parseSize('native')).toBe('native')
    expect(parseSize('minicpm-v')).toBe('minicpm-v')
    expect(parseSize('naflex:256')).toEqual({ naflex: 256 })
  })

  const wrong = ['', '0', '0x448', '448x', 'x448', '448X448', '-1', '4.5', '448x448x3', '100000', 'Native', 'minicpm']
  it.each([...wrong, 'naflex', 'naflex:', 'naflex:0', 'naflex:1.5'])('refuses "%s"', (text) => {
    expect(() => parseSize(text)).toThrow(UsageError)
  })
})

describe('encodeOptions', () => {
  it('has the documented defaults', () => {
    expect(request('a.png')).toMatchObject({
      images: ['a.png'],
      image: { size: 448 },
      tower: { positions: 'auto', precision: 'auto', gelu: 'auto', layers: 'auto', layout: 'auto', heads: 'all' },
      cache: true,
      runtime: 'auto',
      hiddenStates: false,
      json: false,
      model: { name: 'sovit-nano, built in' },
    })
    expect(request('a.png')).toMatchObject({ repeat: undefined, out: undefined, pca: undefined, pixels: undefined })
  })

  it('hands every option on', () => {
    const args =
      '--pixels p --out o --positions navit-float32 --precision f16 --runtime chromium --heads none --gelu erf'
    const more = '--layers 26 --layout vpm --merge 4x --tune off --cache off --hidden-states --repeat 5 --pca c --json'
    expect(request(...args.split(' '), ...more.split(' '))).toMatchObject({
      pixels: 'p',
      out: 'o',
      tower: {
        positions: 'navit-float32',
        precision: 'f16',
        gelu: 'erf',
        layers: 26,
        layout: 'vpm',
        heads: 'none',
        merge: '4x',
      },
      cache: false,
      runtime: 'chromium',
      hiddenStates: true,
      repeat: 5,
      pca: 'c',
      json: true,
    })
  })

  it('leaves the filter to the size unless it is named, and hands on the number of slices', () => {
    expect(request('a.png', '--size', 'minicpm-v', '--max-slices', '4').image).toEqual({
      size: 'minicpm-v',
      maxSlices: 4,
    })
    expect(request('a.png', '--resample', 'bilinear').image).toEqual({ size: 448, resample: 'bilinear' })
  })

  it.each(['bicubic', 'bicubic-antialias', 'bilinear-antialias', 'row0', 'table'])(
    'knows positions %s',
    (positions) => {
      expect(request('a.png', '--positions', positions).tower).toMatchObject({ positions })
    },
  )

  it.each([
    '',
    'a.png --pixels p',
    'a.png --hidden-states',
    'a.png --precision f64',
    'a.png --positions table2',
    'a.png --runtime firefox',
    'a.png --heads some',
    'a.png --layers none',
    'a.png --layout vmp',
    'a.png --resample lanczos',
    'a.png --tune maybe',
    'a.png --arithmetic bf16',
    'a.png --merge 8x',
    'a.png --max-slices many',
    'a.png --max-slices 4',
    'a.png --size minicpm-v --max-slices 0',
    'a.png --repeat 0',
  ])('calls "%s" wrong usage', (line) => {
    expect(() => request(...line.split(' ').filter(Boolean))).toThrow(UsageError)
  })
})
