/** The entry `sovit/safetensors` as a page uses it: to a Blob, and back. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeSafetensors, readSafetensors, type TensorToWrite } from '../../src/safetensors.js'

const bytesOf = ({ buffer, byteOffset, byteLength }: TensorToWrite['data']): number[] => [
  ...new Uint8Array(buffer, byteOffset, byteLength),
]

/** Float32 and int32 arrays, whole or views that begin within their memory, shared or not. */
const tensors = fc.uniqueArray(
  fc
    .record({
      name: fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__'),
      dtype: fc.constantFrom('F32', 'I32'),
      rows: fc.nat(4),
      before: fc.nat(3),
      bits: fc.array(fc.integer(), { minLength: 15, maxLength: 15 }),
      shared: fc.boolean(),
    })
    .map(({ name, dtype, rows, before, bits, shared }): TensorToWrite => {
      const memory = shared ? new SharedArrayBuffer(60) : new ArrayBuffer(60)
      new Int32Array(memory).set(bits)
      const part = [before * 4, rows * 3] as const
      const data = dtype === 'F32' ? new Float32Array(memory, ...part) : new Int32Array(memory, ...part)
      return { name, dtype, shape: [rows, 3], data }
    }),
  { selector: ({ name }) => name, maxLength: 5 },
)

test('gives back through a Blob what was written', async () => {
  await fc.assert(
    fc.asyncProperty(tensors, async (written) => {
      const read = readSafetensors(
        new Uint8Array(await new Blob(encodeSafetensors(written, { made: 'here' })).arrayBuffer()),
      )
      expect(read.size).toBe(written.length)
      for (const { name, dtype, shape, data } of written) {
        const tensor = read.get(name)
        expect(tensor).toMatchObject({ dtype, shape })
        expect([...(tensor?.data ?? [])]).toEqual(bytesOf(data))
      }
    }),
  )
})

test('copies no data but that of shared memory, which Blobs of a browser refuse', () => {
  const own = new Float32Array(4).subarray(1, 3)
  const shared = new Float32Array(new SharedArrayBuffer(16), 4, 2).fill(1)
  const [, a, b] = encodeSafetensors([
    { name: 'a', dtype: 'F32', shape: [2], data: own },
    { name: 'b', dtype: 'F32', shape: [2], data: shared },
  ])
  expect([a?.buffer, a?.byteOffset, a?.byteLength]).toEqual([own.buffer, 4, 8])
  expect(b?.buffer).toBeInstanceOf(ArrayBuffer)
  shared.fill(2)
  expect([...new Float32Array(b?.buffer ?? new ArrayBuffer())]).toEqual([1, 1])
})

test('refuses data that does not have the bytes of its shape, with both numbers', () => {
  const wrong = () => encodeSafetensors([{ name: 'a', dtype: 'F32', shape: [3, 2], data: new Float32Array(5) }])
  expect(wrong).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }) as Error)
  expect(wrong).toThrow(/24 .*20/)
})

test('refuses bytes that are no such file', () => {
  expect(() => readSafetensors(new Uint8Array(4), 'tokens')).toThrow(/tokens/)
})
