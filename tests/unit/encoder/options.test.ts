import { describe, expect, it } from 'vitest'
import { checkEncodeOptions, checkLoadOptions, checkSource } from '../../../src/encoder/options.js'
import type { EncodeOptions, LoadOptions, PixelInput } from '../../../src/encoder/types.js'

const refused = (name: string, value: string): Error =>
  expect.objectContaining({
    code: 'BAD_OPTION',
    message: expect.stringContaining(`${name} cannot be ${value}`) as unknown,
  }) as Error

describe('options as a program without types may give them', () => {
  it.each([
    ['precision', 'fp16'],
    ['arithmetic', 'f64'],
    ['positions', 'rope'],
    ['gelu', 'relu'],
    ['gelu', null],
  ])('load refuses %s %j', (name, value) => {
    const options = { [name]: value } as unknown as LoadOptions
    expect(() => checkLoadOptions(options)).toThrow(refused(name, JSON.stringify(value)))
  })

  it.each([
    ['resample', 'lanczos'],
    ['output', 'tpu'],
  ])('encode refuses %s %j', (name, value) => {
    const options = { [name]: value } as unknown as EncodeOptions
    expect(() => checkEncodeOptions(options)).toThrow(refused(name, JSON.stringify(value)))
  })

  it.each([null, 0, [], [0, -1], [0, -1, 0.5], ['0', -1, -1]])('a source of pixel values is not %j', (value) => {
    const source = value as unknown as PixelInput['source']
    expect(() => checkSource(source)).toThrow(refused('source', JSON.stringify(value)))
  })

  it('takes what is documented, and nothing', () => {
    expect(() => checkLoadOptions({})).not.toThrow()
    expect(() =>
      checkLoadOptions({ precision: 'f16', arithmetic: 'auto', positions: 'table', gelu: 'erf' }),
    ).not.toThrow()
    expect(() => checkEncodeOptions({ resample: 'bilinear', output: 'gpu' })).not.toThrow()
    expect(() => checkSource([1, -1, -1])).not.toThrow()
  })
})
