/**
 * The safetensors header, as strict as the reference (huggingface/safetensors, safetensors/src/tensor.rs), and stricter
 * where its README is: names may occur only once. Like the reference, and unlike the README, it accepts JSON white space
 * before the first brace. Numbers must be safe integers, because JSON.parse rounds larger ones without a word.
 */
import { SovitError } from '../errors.js'
import { DTYPE_BITS, isDType } from './dtype.js'
import { decodeUtf8, duplicateKey, isObject } from './json.js'
import type { ByteSource, DType, TensorInfo } from './types.js'

/** Limit of the reference implementation. */
const MAX_HEADER = 100_000_000
/** Read at once: the length and, for every file of one tower, the whole header (437 tensors take about 50 kB). */
const FIRST_READ = 65_536

export interface Header {
  readonly metadata: ReadonlyMap<string, string>
  readonly tensors: ReadonlyMap<string, TensorInfo>
}

/** Reads and checks the header of a file; fetches 64 KiB, and the rest of the header when it is longer. */
export async function readHeader(source: ByteSource, file: string, signal?: AbortSignal): Promise<Header> {
  const size = await source.size(signal)
  const first = await source.read(0, Math.min(size, FIRST_READ), signal)
  const end = 8 + headerLength(first, size, file)
  if (end <= first.length) return parseHeader(first.subarray(8, end), size, file)
  const header = new Uint8Array(end - 8)
  header.set(first.subarray(8))
  header.set(await source.read(first.length, end, signal), first.length - 8)
  return parseHeader(header, size, file)
}

/** Length of the JSON header, from the first 8 bytes of a file of `fileSize` bytes. */
export function headerLength(start: Uint8Array, fileSize: number, file: string): number {
  if (fileSize < 8 || start.length < 8) {
    throw broken(file, `it has ${fileSize} bytes; the shortest safetensors file has 8`)
  }
  const length = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true)
  if (length > MAX_HEADER) {
    throw broken(file, `its header claims ${length} bytes; the format allows ${MAX_HEADER}`)
  }
  if (Number(length) + 8 > fileSize) {
    throw broken(file, `its header ends at byte ${Number(length) + 8}, but the file has ${fileSize} bytes`)
  }
  return Number(length)
}

/** Parses the JSON part of the header, without the 8 bytes of its length, and checks every rule of the format. */
export function parseHeader(json: Uint8Array, fileSize: number, file: string): Header {
  const dataStart = 8 + json.length
  let metadata: ReadonlyMap<string, string> = new Map()
  const tensors: TensorInfo[] = []
  for (const [name, value] of Object.entries(parseJson(json, file))) {
    if (name === '__metadata__') metadata = parseMetadata(value, file)
    else tensors.push(parseTensor(name, value, dataStart, file))
  }
  checkLayout(tensors, dataStart, fileSize, file)
  return { metadata, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) }
}

function parseJson(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  let text: string
  try {
    text = decodeUtf8(bytes)
  } catch (cause) {
    throw broken(file, `its header of ${bytes.length} bytes is not UTF-8`, cause)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw broken(file, `its header of ${bytes.length} bytes is not JSON`, cause)
  }
  if (!isObject(value)) throw broken(file, 'its header is not a JSON object')
  const twice = duplicateKey(text)
  if (twice !== null) throw broken(file, `its header has the name ${show(twice)} twice`)
  return value
}

function parseMetadata(value: unknown, file: string): ReadonlyMap<string, string> {
  if (!isObject(value)) throw broken(file, '__metadata__ is not a map from string to string')
  const metadata = new Map<string, string>()
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw broken(file, `__metadata__ has ${show(text)} for ${show(key)}, not a string`)
    metadata.set(key, text)
  }
  return metadata
}

function parseTensor(name: string, value: unknown, dataStart: number, file: string): TensorInfo {
  const wrong = (what: string): SovitError => broken(file, `tensor ${show(name)} ${what}`)
  if (!isObject(value)) throw wrong('is not described by an object')
  const { dtype, shape, data_offsets: offsets } = value
  if (!isDType(dtype)) throw wrong(`has the unknown dtype ${show(dtype)}`)
  if (!isCounts(shape)) throw wrong(`has the shape ${show(shape)}, not whole numbers from 0 to 2^53 - 1`)
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw wrong(`has data_offsets ${show(offsets)}, not two whole numbers from 0 to 2^53 - 1`)
  }
  const [begin = 0, end = 0] = offsets
  if (end < begin) throw wrong(`ends at ${end}, before it begins at ${begin}`)
  const bits = bitsOf(dtype, shape)
  if (bits === null) throw wrong(`of shape [${shape.join(', ')}] and dtype ${dtype} has more than 2^53 bits`)
  if (bits % 8 !== 0) throw wrong(`of shape [${shape.join(', ')}] and dtype ${dtype} has ${bits} bits, no whole bytes`)
  if (end - begin !== bits / 8) {
    throw wrong(`of shape [${shape.join(', ')}] and dtype ${dtype} needs ${bits / 8} bytes, but has ${end - begin}`)
  }
  return { name, dtype, shape, file, begin: dataStart + begin, end: dataStart + end }
}

/** Bits of a tensor, or null when some partial product is beyond 2^53 (a later 0 does not excuse it, as in the reference). */
function bitsOf(dtype: DType, shape: readonly number[]): number | null {
  let bits = 1
  for (const count of [...shape, DTYPE_BITS[dtype]]) {
    bits *= count
    if (!Number.isSafeInteger(bits)) return null
  }
  return bits
}

/** Tensors lie without overlap or hole from the end of the header to the end of the file. */
function checkLayout(tensors: readonly TensorInfo[], dataStart: number, fileSize: number, file: string): void {
  const inOrder = [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end)
  let at = dataStart
  for (const tensor of inOrder) {
    if (tensor.begin !== at) {
      const what = tensor.begin < at ? 'overlaps its neighbour' : 'leaves a hole before it'
      const [begin, expected] = [tensor.begin - dataStart, at - dataStart]
      throw broken(file, `tensor ${show(tensor.name)} ${what}: it begins at ${begin}, expected ${expected}`)
    }
    at = tensor.end
  }
  if (at !== fileSize) {
    throw broken(file, `its tensors end at byte ${at}, but the file has ${fileSize} bytes`)
  }
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0 && !Object.is(n, -0))
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

function broken(file: string, what: string, cause?: unknown): SovitError {
  const message = `${file} is no valid safetensors file: ${what}. Download or convert it again.`
  return new SovitError('BAD_SAFETENSORS', message, { cause })
}
