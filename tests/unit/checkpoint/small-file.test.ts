import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { encodeSafetensors, type TensorToWrite } from '../../../src/checkpoint/safetensors-write.js'
import { readSmallFile } from '../../../src/checkpoint/small-file.js'

const folder = mkdtempSync(join(tmpdir(), 'sovit-small-'))
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, bytes: Uint8Array): URL {
  writeFileSync(join(folder, name), bytes)
  return pathToFileURL(join(folder, name))
}

const tensors: TensorToWrite[] = [
  { name: 'f32', dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, -2, 0.5, 1e-3) },
  // 1 and -2 as their upper halves, and as IEEE 754 halves; little-endian.
  { name: 'bf16', dtype: 'BF16', shape: [2], data: Uint8Array.of(0x80, 0x3f, 0x00, 0xc0) },
  { name: 'f16', dtype: 'F16', shape: [2], data: Uint8Array.of(0x00, 0x3c, 0x00, 0xc0) },
  { name: 'whole', dtype: 'I32', shape: [], data: Int32Array.of(7) },
  { name: 'none', dtype: 'F32', shape: [0, 3], data: new Float32Array() },
]
const address = write('small.safetensors', Buffer.concat(encodeSafetensors(tensors, { names: '["a"]' })))

describe('readSmallFile', () => {
  it('gives shapes, numbers as float32, and metadata', async () => {
    const file = await readSmallFile(address)
    expect(file.metadata.get('names')).toBe('["a"]')
    expect(file.tensor('f32')).toEqual({ shape: [2, 2], data: Float32Array.of(1, -2, 0.5, 1e-3) })
    expect(file.tensor('bf16')).toEqual({ shape: [2], data: Float32Array.of(1, -2) })
    expect(file.tensor('f16')).toEqual({ shape: [2], data: Float32Array.of(1, -2) })
    expect(file.tensor('none')).toEqual({ shape: [0, 3], data: new Float32Array() })
  })

  it('names the file and the tensor that it lacks, and the dtype that is no real number', async () => {
    const file = await readSmallFile(address)
    const lacking = expect.objectContaining({ code: 'TENSOR_MISSING' }) as Error
    expect(() => file.tensor('other')).toThrow(lacking)
    expect(() => file.tensor('other')).toThrow(/small\.safetensors.*'other'/)
    expect(() => file.tensor('whole')).toThrow(expect.objectContaining({ code: 'TENSOR_DTYPE' }) as Error)
  })

  it.each([
    ['a file that is not there', 'none.safetensors', 'NOT_FOUND'],
    ['a folder', '', 'NOT_FOUND'],
  ])('refuses %s', async (_, name, code) => {
    const wrong = readSmallFile(new URL(name, `${pathToFileURL(folder).href}/`))
    await expect(wrong).rejects.toMatchObject({ name: 'SovitError', code })
  })

  it('refuses what is no such file, or is cut off', async () => {
    const whole = Buffer.concat(encodeSafetensors(tensors))
    const text = write('text.safetensors', Buffer.from('<!doctype html><title>404</title>'))
    await expect(readSmallFile(text)).rejects.toMatchObject({ code: 'BAD_SAFETENSORS' })
    const cut = write('cut.safetensors', whole.subarray(0, -4))
    await expect(readSmallFile(cut)).rejects.toMatchObject({ name: 'SovitError' })
  })

  it('stops when it is told to', async () => {
    await expect(readSmallFile(address, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' })
  })
})
