import { throwIfAborted, unlessAborted } from '../errors.js'
import type { ByteSource, StreamOptions, TensorChunk, TensorInfo } from './types.js'

/** Bytes of one read, at most. */
const READ_BYTES = 8 * 2 ** 20
/** Reads that hold memory at one time: one is consumed while the others are in flight. */
const BUFFERS = 3

/** A run of one tensor inside a read, in bytes of the file. */
export interface Part {
  readonly tensor: TensorInfo
  readonly begin: number
  readonly end: number
}

/** The bytes [begin, end) of one file, and the parts of tensors in them, in file order. */
export interface Read {
  readonly file: string
  readonly begin: number
  readonly end: number
  readonly parts: readonly Part[]
}

/**
 * Few large reads that cover every byte of `tensors` once and no other byte, file after file, each in its order. Small
 * tensors that touch share a read (writers sort by name, so that a tower is one run, or a few); large ones are cut where
 * their own offset is a multiple of 8 (tensors may begin anywhere).
 */
export function planReads(tensors: Iterable<TensorInfo>, readBytes = READ_BYTES): Read[] {
  const inOrder = [...new Set(tensors)].sort((a, b) =>
    a.file === b.file ? a.begin - b.begin : a.file < b.file ? -1 : 1,
  )
  const reads: { file: string; begin: number; end: number; parts: Part[] }[] = []
  for (const tensor of inOrder) {
    for (let begin = tensor.begin; begin < tensor.end;) {
      let read = reads.at(-1)
      const near = read?.file === tensor.file && begin === read.end && begin + 8 <= read.begin + readBytes
      if (!read || !near) reads.push((read = { file: tensor.file, begin, end: begin, parts: [] }))
      const room = read.begin + readBytes - begin
      const end = Math.min(tensor.end, begin + room - (room % 8))
      read.parts.push({ tensor, begin, end })
      read.end = begin = end
    }
  }
  return reads
}

/**
 * Reads tensors and hands them over chunk by chunk, in file order. Reads run ahead of the consumer, but no more than
 * `BUFFERS` of them hold memory, whatever the size of the tensors. `sources` has the file of every tensor. Reads of one file
 * start in its order, which is all that a sequential source needs.
 */
export async function streamTensors(
  tensors: Iterable<TensorInfo>,
  sources: ReadonlyMap<string, ByteSource>,
  consume: (chunk: TensorChunk) => Promise<void> | void,
  { signal, onProgress }: StreamOptions = {},
): Promise<void> {
  const reads = planReads(tensors)
  const stop = new AbortController()
  const stopOrCaller = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const buffers = reads.slice(0, BUFFERS).map(() => new Uint8Array(largest(reads)))
  const ahead: { read: Read; bytes: Promise<Uint8Array> }[] = []
  let started = 0
  const startNext = (): void => {
    const read = reads[started]
    const source = read && sources.get(read.file)
    if (!source) return
    const bytes = source.read(read.begin, read.end, stopOrCaller, buffers[started % BUFFERS])
    bytes.catch(() => undefined) // reported when its turn comes, not as an unhandled rejection before
    ahead.push({ read, bytes })
    started++
  }
  let loaded = 0
  let file: string | undefined
  try {
    for (const _ of buffers) startNext()
    for (let head = ahead.shift(); head; head = ahead.shift()) {
      const { read } = head
      const report = (): void => onProgress?.(loaded, read.file, sources.get(read.file)?.sequential?.() ?? false)
      if (read.file !== file) report()
      file = read.file
      const what = `Reading ${read.file}`
      const bytes = await unlessAborted(head.bytes, signal, what)
      for (const { tensor, begin, end } of read.parts) {
        throwIfAborted(signal, what)
        const part = bytes.subarray(begin - read.begin, end - read.begin)
        const consumed = consume({ tensor, offset: begin - tensor.begin, bytes: part })
        await unlessAborted(Promise.resolve(consumed), signal, what)
        loaded += end - begin
        report()
      }
      startNext()
    }
  } finally {
    stop.abort()
    await Promise.allSettled(ahead.map(({ bytes }) => bytes))
  }
}

function largest(reads: readonly Read[]): number {
  return reads.reduce((most, { begin, end }) => Math.max(most, end - begin), 0)
}
