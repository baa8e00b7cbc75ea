import { expect, it } from 'vitest'
import { data, float, integer, message, nested, text, type Bytes } from '../../bench/onnx/protobuf.js'

const hex = ({ parts }: Bytes): string => Buffer.concat(parts).toString('hex')

// The examples of protobuf.dev/programming-guides/encoding.
it.each([
  ['a varint', integer(1, 150), '089601'],
  ['a string', text(2, 'testing'), '120774657374696e67'],
  ['a submessage', nested(3, integer(1, 150)), '1a03089601'],
])('writes %s as the specification shows', (_, written, expected) => {
  expect(hex(written)).toBe(expected)
})

it('writes floats in four bytes, lowest first', () => {
  expect(hex(float(2, 1.5))).toBe('150000c03f')
})

it('writes lengths beyond 32 bits', () => {
  const length = 5 * 2 ** 32
  const [head] = nested(1, { parts: [], length }).parts
  expect(Buffer.from(head ?? []).toString('hex')).toBe('0a8080808050') // 5·2^32 = 0x50 << (7·4)
})

it('knows the length of what it wrote, and keeps data as it is', () => {
  const values = Float32Array.of(1, 2)
  const written = message(integer(300, 1), data(9, values.subarray(1)), text(8, 'é'))
  expect(Buffer.concat(written.parts)).toHaveLength(written.length)
  expect(written.parts.some((part) => part.buffer === values.buffer && part.byteLength === 4)).toBe(true)
})
