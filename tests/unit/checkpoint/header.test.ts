/** The rules of the format; names in quotes are the reference's tests (safetensors/src/tensor.rs, attacks/). */
import { describe, expect, it } from 'vitest'
import { readHeader } from '../../../src/checkpoint/header.js'
import { memorySource } from '../../../src/checkpoint/memory.js'
import { readSafetensors } from '../../../src/checkpoint/safetensors-read.js'
import { entry, expectError, fileOf, fileOfBytes } from './safetensors-cases.js'

const rejects = (bytes: Uint8Array, ...words: (string | number)[]): Promise<unknown> =>
  expectError(() => readSafetensors(bytes, 'broken.safetensors'), 'BAD_SAFETENSORS', 'broken.safetensors', ...words)

/** A file with tensors written one behind the other, as text. */
const withTensors = (data: number, ...entries: string[]): Uint8Array => fileOf(`{${entries.join(',')}}`, data)

describe('invalid files', () => {
  it('1: is shorter than 8 bytes ("header_too_small")', async () => {
    await rejects(new Uint8Array(0), '0 bytes')
    await rejects(new Uint8Array(7), '7 bytes', 8)
  })

  it('2: has a header length above 100 000 000 ("header_too_large")', async () => {
    const file = new Uint8Array(8).fill(0xff)
    await rejects(file, '18446744073709551615', 100_000_000)
    new DataView(file.buffer).setBigUint64(0, 100_000_001n, true)
    await rejects(file, 100_000_001, 100_000_000)
  })

  it('3: has a header that ends behind the file ("invalid_header_length", attack 1)', async () => {
    const file = new Uint8Array(10)
    file[0] = 60
    await rejects(file, 68, 10)
  })

  it('3: does not allocate what a header length claims', async () => {
    const file = new Uint8Array(16)
    new DataView(file.buffer).setBigUint64(0, 99_999_999n, true)
    const reads: number[] = []
    const memory = memorySource(file, 'm')
    const source = { ...memory, read: (begin: number, end: number) => (reads.push(end), memory.read(begin, end)) }
    await expectError(readHeader(source, 'f'), 'BAD_SAFETENSORS', 100_000_007, 16)
    expect(reads).toEqual([16])
  })

  it('4: has a header that is not UTF-8 ("header_not_utf8")', async () => {
    await rejects(fileOfBytes(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), 'UTF-8')
  })

  it('4: has a byte order mark', async () => {
    await rejects(fileOfBytes(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d)), 'not JSON')
  })

  it('5: has a header that is not JSON ("header_not_json"), or no object', async () => {
    await rejects(fileOf('{'), 'not JSON')
    await rejects(fileOf(''), 'not JSON')
    await rejects(fileOf('{}\0'), 'not JSON')
    for (const text of ['[]', 'null', '"a"', '7']) await rejects(fileOf(text), 'not a JSON object')
  })

  it('7: has a name twice, also when written differently', async () => {
    await rejects(withTensors(4, entry('a', 'F32', [1], 0, 4), entry('a', 'F32', [1], 0, 4)), 'the name "a" twice')
    await rejects(
      fileOf(`{${entry('a', 'U8', [0], 0, 0)},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`),
      '"a"',
    )
    await rejects(fileOf('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), '"dtype"')
    await rejects(fileOf('{"__metadata__":{"k":"1","k":"2"}}'), '"k"')
  })

  it('9: has metadata that is no map from string to string', async () => {
    await rejects(fileOf('{"__metadata__":{"format":1}}'), '__metadata__', 'format', 1)
    await rejects(fileOf('{"__metadata__":["a"]}'), '__metadata__')
    await rejects(fileOf('{"__metadata__":null}'), '__metadata__')
  })

  it('10: has a tensor of unknown dtype, or no tensor', async () => {
    await rejects(withTensors(4, entry('w', 'f32', [1], 0, 4)), '"w"', '"f32"')
    await rejects(withTensors(4, entry('w', 'toString', [1], 0, 4)), '"w"', 'toString')
    await rejects(fileOf('{"w":{"shape":[0],"data_offsets":[0,0]}}'), '"w"', 'dtype')
    await rejects(fileOf('{"w":[]}'), '"w"', 'object')
  })

  it.each(['[-1]', '[1.5]', '["1"]', '[null]', '[9007199254740993]', '[-0]', '4', '{}'])(
    '11: has the shape %s',
    async (shape) => {
      await rejects(fileOf(`{"w":{"dtype":"U8","shape":${shape},"data_offsets":[0,0]}}`), '"w"', 'shape')
    },
  )

  it('12: has a shape whose product overflows ("validation_overflow")', async () => {
    await rejects(withTensors(0, entry('w', 'U8', [2 ** 30, 2 ** 30], 0, 0)), '"w"', '2^53')
    await rejects(withTensors(0, entry('w', 'F64', [2 ** 50], 0, 0)), '"w"', '2^53')
    await rejects(withTensors(0, entry('w', 'U8', [2 ** 30, 2 ** 30, 0], 0, 0)), '"w"', '2^53')
  })

  it('13: has a tensor of no whole bytes ("misaligned_slice")', async () => {
    await rejects(withTensors(1, entry('w', 'F4', [3], 0, 1)), '"w"', '12 bits')
    await rejects(withTensors(1, entry('w', 'F6_E2M3', [1], 0, 1)), '"w"', '6 bits')
  })

  it('14: has a tensor of other bytes than its shape and dtype need ("invalid_info")', async () => {
    await rejects(withTensors(8, entry('w', 'F32', [3], 0, 8)), '"w"', '[3]', 'needs 12', 'has 8')
    await rejects(withTensors(16, entry('w', 'F32', [3], 0, 16)), '"w"', 'needs 12', 'has 16')
  })

  it('15: has a tensor that ends before it begins, or offsets that are no offsets', async () => {
    await rejects(withTensors(8, entry('w', 'F32', [1], 8, 4)), '"w"', 'ends at 4', 'begins at 8')
    await rejects(withTensors(8, entry('w', 'F32', [1], -4, 0)), '"w"', '[-4,0]')
    await rejects(fileOf('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', 4), '"w"', '[0]')
    await rejects(fileOf('{"w":{"dtype":"F32","shape":[1]}}', 4), '"w"', 'data_offsets')
  })

  it('16: has tensors that overlap ("json_attack", attacks 2 and 3)', async () => {
    await rejects(withTensors(4, ...[0, 1, 2].map((i) => entry(`t${i}`, 'F32', [1], 0, 4))), 't1', 'overlaps', 0, 4)
    await rejects(withTensors(6, entry('a', 'F32', [1], 0, 4), entry('b', 'F32', [1], 2, 6)), '"b"', 'overlaps')
  })

  it('16: has a hole between tensors, or before the first', async () => {
    await rejects(withTensors(9, entry('a', 'F32', [1], 0, 4), entry('b', 'F32', [1], 5, 9)), '"b"', 'hole', 5, 4)
    await rejects(withTensors(8, entry('a', 'F32', [1], 4, 8)), '"a"', 'hole', 4, 0)
  })

  it('17: ends after or before its last tensor ("metadata_incomplete_buffer")', async () => {
    const json = `{${entry('w', 'F32', [2], 0, 8)}}`
    await rejects(fileOf(json, 9), 'the file has', 8 + json.length + 8, 8 + json.length + 9)
    await rejects(fileOf(json, 7), 'the file has', 8 + json.length + 8, 8 + json.length + 7)
    await rejects(fileOf('{}', 1), 10, 11)
  })
})

describe('valid files', () => {
  it('may be empty ("empty")', () => {
    expect(readSafetensors(fileOf('{}')).size).toBe(0)
  })

  it('6: may have white space around the header ("whitespace_leading_padded_header")', () => {
    expect(readSafetensors(fileOf(' \n\r\t{} \n\r\t ')).size).toBe(0)
  })

  it('may have scalars ("empty_shapes_allowed") and empty tensors ("zero_sized_tensor") between others', () => {
    const file = withTensors(
      8,
      entry('b', 'F32', [], 4, 8),
      entry('none', 'F32', [3, 0], 4, 4),
      entry('a', 'F32', [1], 0, 4),
      entry('last', 'BF16', [0], 8, 8),
    )
    const tensors = readSafetensors(file)
    expect([...tensors].map(([name, { shape, data }]) => [name, shape, data.length])).toEqual([
      ['b', [], 4],
      ['none', [3, 0], 0],
      ['a', [1], 4],
      ['last', [0], 0],
    ])
  })

  it('8: may have a tensor called __proto__, and nothing changes its prototype', () => {
    const tensors = readSafetensors(withTensors(1, entry('__proto__', 'U8', [1], 0, 1)))
    expect([...tensors.keys()]).toEqual(['__proto__'])
    expect({}).not.toHaveProperty('dtype')
  })

  it('may have sub-byte tensors of whole bytes, and every dtype', () => {
    const bits = {
      BOOL: 8, F4: 4, F6_E2M3: 6, F6_E3M2: 6, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8,
      F8_E5M2FNUZ: 8, I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32, C64: 64, F64: 64, I64: 64, U64: 64,
    } // prettier-ignore
    expect(Object.keys(bits)).toHaveLength(22)
    for (const [dtype, width] of Object.entries(bits)) {
      expect(readSafetensors(withTensors(width, entry('w', dtype, [2, 4], 0, width))).get('w')?.dtype).toBe(dtype)
    }
  })

  it('may have metadata, and the same name in different objects', async () => {
    const json = `{"__metadata__":{"shape":"x","__proto__":"y"},${entry('shape', 'U8', [1], 0, 1)}}`
    const file = fileOf(json, 1)
    const { metadata, tensors } = await readHeader(memorySource(file, 'm'), 'f')
    expect([...metadata]).toEqual([['shape', 'x'], ['__proto__', 'y']]) // prettier-ignore
    expect(tensors.get('shape')).toMatchObject({ file: 'f', begin: 8 + json.length, end: 8 + json.length + 1 })
  })

  it('may have escapes, braces and colons in names', () => {
    const name = 'a"{:}[\\]\u00e9\ud83d\ude00 :'
    expect([...readSafetensors(withTensors(1, entry(name, 'U8', [1], 0, 1))).keys()]).toEqual([name])
  })
})

describe('reading a header', () => {
  it.each([10, 3000])('reads %i tensors with at most 64 KiB of surplus', async (count) => {
    const entries = Array.from({ length: count }, (_, i) => entry(`tensor.${i}`, 'F32', [100], i * 400, i * 400 + 400))
    const file = withTensors(count * 400, ...entries)
    const headerEnd = 8 + Number(new DataView(file.buffer).getBigUint64(0, true))
    const memory = memorySource(file, 'm')
    let fetched = 0
    const read = (begin: number, end: number): Promise<Uint8Array> => {
      fetched += end - begin
      return memory.read(begin, end)
    }
    const { tensors } = await readHeader({ ...memory, read }, 'f')
    expect(tensors.size).toBe(count)
    expect(fetched).toBe(Math.max(headerEnd, Math.min(65_536, file.length)))
  })
})
