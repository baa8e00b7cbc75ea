import { throwIfAborted, unlessAborted, type SovitError } from '../errors.js'
import { inNode } from './in-node.js'
import type { ByteSource, StreamOptions, TensorChunk, TensorInfo } from './types.js'

/** Bytes of one read, at most. The tower of MiniCPM-V is 70 such. */
const READ_BYTES = 12 * 2 ** 20
/**
 * Large tensors are cut at multiples of this, whatever the reads: a piece is hashed by itself, and aligned on the GPU.
 * (WebCrypto copies what it hashes: of more than 960 KiB, Chromium asks the system for new memory each time, at half the speed.)
 */
export const PIECE_BYTES = 2 ** 19
/** Reads in flight at one time, and how many hold memory: one is consumed while the others are in flight. */
const READS = 3
/** Reads that hold memory where they are checked in Node: SHA-256 keeps a core busy for as long as a fast network takes. */
const CHECKED_READS = 2 * READS
/** Bytes that nobody asked for are read where that saves a request: between two tensors, and in all. */
const GAP_BYTES = 2 ** 20
const GAP_SHARE = 0.004

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
 * Few large reads that cover every byte of `tensors` once, file after file, each in its order. Tensors that touch share a
 * read (writers sort by name, so that a tower is one run, or a few), as do those with little between them. A tensor that
 * does not fit what is left of a read is cut at a multiple of `pieceBytes` of its own.
 */
export function planReads(tensors: Iterable<TensorInfo>, readBytes = READ_BYTES, pieceBytes = PIECE_BYTES): Read[] {
  const filled = [...new Set(tensors)].filter(({ begin, end }) => end > begin)
  const inOrder = filled.sort(byPlace)
  const bridged = bridgedGaps(inOrder)
  // The first are shorter: of reads in flight that end at one time, all would be hashed while the network has nothing to do.
  const room = (i: number): number => Math.max(pieceBytes, (readBytes * Math.min(i + 1, READS)) / READS)
  const reads: { file: string; begin: number; end: number; parts: Part[] }[] = []
  for (const tensor of inOrder) {
    for (let begin = tensor.begin; begin < tensor.end;) {
      let read = reads.at(-1)
      const joined = read?.file === tensor.file && (begin === read.end || bridged.has(tensor))
      let end = joined && read ? cut(tensor, begin, read.begin + room(reads.length - 1), pieceBytes) : begin
      if (!read || end <= begin) {
        reads.push((read = { file: tensor.file, begin, end: begin, parts: [] }))
        end = cut(tensor, begin, begin + room(reads.length - 1), pieceBytes)
      }
      read.parts.push({ tensor, begin, end })
      read.end = begin = end
    }
  }
  return reads
}

/** The order of tensors in which they are read. */
export function byPlace(a: Pick<TensorInfo, 'file' | 'begin'>, b: Pick<TensorInfo, 'file' | 'begin'>): number {
  return a.file === b.file ? a.begin - b.begin : a.file < b.file ? -1 : 1
}

/** Where a read that begins at `begin` and ends at `limit` at the latest must leave `tensor`. */
function cut(tensor: TensorInfo, begin: number, limit: number, pieceBytes: number): number {
  return tensor.end <= limit ? tensor.end : begin + Math.floor((limit - begin) / pieceBytes) * pieceBytes
}

/** Tensors that are read with the one before them and what lies between: those with the least there, within the share. */
function bridgedGaps(inOrder: readonly TensorInfo[]): ReadonlySet<TensorInfo> {
  let budget = GAP_SHARE * inOrder.reduce((sum, { begin, end }) => sum + end - begin, 0)
  const gaps = inOrder.flatMap((tensor, i) => {
    const before = inOrder[i - 1]
    const gap = before?.file === tensor.file ? tensor.begin - before.end : 0
    return gap > 0 && gap <= GAP_BYTES ? [{ tensor, gap }] : []
  })
  const least = gaps.sort((a, b) => a.gap - b.gap).filter(({ gap }) => (budget -= gap) >= 0)
  return new Set(least.map(({ tensor }) => tensor))
}

/**
 * Reads tensors and hands them over chunk by chunk, in file order. Reads run ahead of the consumer, but no more than
 * `READS` of them (`CHECKED_READS`) hold memory, whatever the size of the tensors. `sources` has the file of every tensor. Reads
 * of one file start in its order, which is all that a sequential source needs.
 */
export async function streamTensors(
  tensors: Iterable<TensorInfo>,
  sources: ReadonlyMap<string, ByteSource>,
  consume: (chunk: TensorChunk) => Promise<void> | void,
  { signal, onProgress, check }: StreamOptions = {},
): Promise<void> {
  const reads = planReads(tensors)
  const stop = new AbortController()
  const stopOrCaller = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const largest = Math.max(...reads.map(({ begin, end }) => end - begin))
  const free = reads.slice(0, check && inNode ? CHECKED_READS : READS).map(() => roomToHash(largest))
  const ahead: [Read, Promise<Checked>][] = []
  let inFlight = 0
  const startNext = (): void => {
    const into = inFlight < READS && !stop.signal.aborted && free.pop()
    const read = into && reads.shift()
    const source = read && sources.get(read.file)
    if (!source) return
    inFlight++
    // Two that follow each other may be one request. One for all would save 12% of a load's time and not 7% (Chromium 156, a server of
    // the same machine), but what a body was handed over in stays with it to its end: peaks grew by 60 MB. And nobody would ask ahead.
    const [next] = reads
    const until = next?.file === read.file && next.begin === read.end ? next.end : read.end
    const arrived = (): void => {
      inFlight--
      startNext()
    }
    const checked = readChecked(read, until, source, into, check, stopOrCaller, arrived)
    checked.catch(() => undefined) // reported when its turn comes, not as an unhandled rejection before
    ahead.push([read, checked])
    startNext()
  }
  let loaded = 0
  let file: string | undefined
  try {
    startNext()
    for (let head = ahead.shift(); head; head = ahead.shift()) {
      const [read, checked] = head
      const report = (): void => onProgress?.(loaded, read.file, sources.get(read.file)?.sequential?.() ?? false)
      if (read.file !== file) report()
      file = read.file
      const what = `Reading ${read.file}`
      const { bytes, into } = await unlessAborted(checked, signal, what)
      const consumeAll = async (): Promise<void> => {
        for (const chunk of chunksOf(read, bytes)) {
          await consume(chunk)
          throwIfAborted(signal, what)
          loaded += chunk.bytes.length
          report()
        }
      }
      throwIfAborted(signal, what)
      await unlessAborted(consumeAll(), signal, what)
      if (reads.length > 0) free.push(into)
      // At the end, when the device holds most, it would wait to be collected.
      else giveBack(into.buffer)
      startNext()
    }
  } finally {
    stop.abort()
    await Promise.allSettled(ahead.map(([, checked]) => checked))
  }
}

/**
 * Gives memory of a page back at once, with a message to nobody: of what came from a worker, Chromium (156) has an object of its own,
 * by which `transfer(0)` leaves it there.
 */
function giveBack(buffer: ArrayBufferLike): void {
  if (!(buffer instanceof ArrayBuffer)) return // Node's is shared
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(null, [buffer])
  port1.close()
  port2.close()
}

/** The bytes of a read, and the buffer that they are in, unless the source had them in memory. */
interface Checked {
  readonly bytes: Uint8Array
  readonly into: Uint8Array
}

/**
 * The bytes of a read. What `check` refuses is read once more, from where it first came: what is kept of it is no longer
 * trusted, and a network may have erred.
 */
async function readChecked(
  read: Read,
  until: number,
  source: ByteSource,
  into: Uint8Array,
  check: StreamOptions['check'],
  signal: AbortSignal,
  arrived: () => void,
): Promise<Checked> {
  for (let tries = 1; ; tries++) {
    let bytes = await source.read(read.begin, read.end, signal, into, until)
    if (tries === 1) arrived()
    let refused: SovitError | null = null
    into = where(bytes, into)
    if (check) ({ bytes, refused } = await check(read, bytes, bytes.buffer === into.buffer))
    into = where(bytes, into)
    if (!refused) return { bytes, into }
    await source.discard?.(read.begin, read.end)
    if (tries === 2) throw refused
  }
}

/** The buffer that bytes were read into: where they lie by now, if it was moved. */
function where(bytes: Uint8Array, into: Uint8Array): Uint8Array {
  return into.length === 0 ? new Uint8Array(bytes.buffer) : into
}

function chunksOf({ begin: first, parts }: Read, bytes: Uint8Array): TensorChunk[] {
  return parts.map(({ tensor, begin, end }) => ({
    tensor,
    offset: begin - tensor.begin,
    bytes: bytes.subarray(begin - first, end - first),
  }))
}

/**
 * Memory for bytes that will be hashed. Node's threads share it: to move it back and forth makes V8 collect garbage twice for
 * each buffer, a tenth of a tower's load. Pages share memory only when isolated, and then neither streams nor WebCrypto take it.
 */
export function roomToHash(bytes: number): Uint8Array {
  return new Uint8Array(new (inNode ? SharedArrayBuffer : ArrayBuffer)(bytes))
}
