/** What the build takes out of shaders changes none of their tokens, and no line's number. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { stripWgsl } from '../../vite.config.js'

/** The longest token at each place, as WGSL reads them (3.2); numbers and names alike. */
const TOKEN = /[\w.]+|->|&&|\|\||<<=|>>=|<<|>>|\+\+|--|[-+*/%&|^=!<>]=|\S/g
const tokens = (code: string): string[] => code.replace(/\/\*[^]*?\*\/|\/\/.*/g, '').match(TOKEN) ?? []
const files = readdirSync('shaders')

it.each(files)('%s', (file) => {
  const code = readFileSync(`shaders/${file}`, 'utf8')
  const stripped = stripWgsl(code)
  expect(tokens(stripped)).toEqual(tokens(code))
  expect(stripped.split('\n')).toHaveLength(code.split('\n').length)
  expect(stripped.length).toBeLessThan(code.length)
})

it.each([
  ['a = b - -c;', 'a=b - -c;'],
  ['x = a / *p * q;', 'x=a / *p*q;'],
  ['if (a < b && c >= -d) { e -= 1; }', 'if(a<b&&c >= -d){e-=1;}'],
  ['let v: array<vec2<f32>, 4> = w;', 'let v:array<vec2<f32>,4> = w;'],
  ['fn f(p: ptr<function, f32>) -> f32 { // of p', 'fn f(p:ptr<function,f32>)->f32{'],
])('%s', (code, expected) => {
  expect(tokens(expected)).toEqual(tokens(code))
  expect(stripWgsl(code)).toBe(expected)
})
