import { fixtureBytes } from './fixture.js'

/** Changed copies of a safetensors file, to see what a loader makes of them. */
interface Entry {
  shape: number[]
  readonly dtype: string
  readonly data_offsets: readonly [number, number]
}

export type Header = Record<string, Entry>

function parse(file: ArrayBuffer): { header: Header; start: number } {
  const start = 8 + Number(new DataView(file).getBigUint64(0, true))
  return { header: JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, start - 8))) as Header, start }
}

/** The same data behind a changed header. */
export function withHeader(file: ArrayBuffer, edit: (header: Header) => void): ArrayBuffer {
  const { header, start } = parse(file)
  edit(header)
  const text = new TextEncoder().encode(JSON.stringify(header))
  const length = Math.ceil(text.length / 8) * 8
  const out = new Uint8Array(8 + length + file.byteLength - start).fill(0x20, 0, 8 + length)
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true)
  out.set(text, 8)
  out.set(new Uint8Array(file, start), 8 + length)
  return out.buffer
}

/** A copy of a file of F32 tensors in which one value is another. */
export function withValue(file: ArrayBuffer, tensor: string, index: number, value: number): ArrayBuffer {
  const { header, start } = parse(file)
  const entry = header[tensor]
  if (entry?.dtype !== 'F32') throw new Error(`There is no F32 tensor ${tensor}.`)
  const copy = file.slice(0)
  new DataView(copy).setFloat32(start + entry.data_offsets[0] + 4 * index, value, true)
  return copy
}

/** A copy of a file in which one value, of 2 bytes, has other bits. */
export function withHalf(file: ArrayBuffer, tensor: string, index: number, bits: number): ArrayBuffer {
  const { header, start } = parse(file)
  const entry = header[tensor]
  if (entry?.dtype !== 'BF16' && entry?.dtype !== 'F16') throw new Error(`There is no tensor ${tensor} of halves.`)
  const copy = file.slice(0)
  new DataView(copy).setUint16(start + entry.data_offsets[0] + 2 * index, bits, true)
  return copy
}

/** The files of a checkpoint's folder, its weights replaced by `weights`. */
export async function folderOf(folder: string, weights?: ArrayBuffer): Promise<File[]> {
  const config = await fixtureBytes(`${folder}/config.json`)
  const bytes = weights ?? (await fixtureBytes(`${folder}/model.safetensors`))
  return [new File([config], 'config.json'), new File([bytes], 'model.safetensors')]
}
