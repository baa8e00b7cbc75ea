import { SovitError } from '../errors.js'
import { weightBytes, type PlannedWeight, type WeightFormat } from '../graph/weights.js'
import type { Gpu } from '../gpu/device.js'
import { scaleName } from '../model/layouts.js'
import { allocating, BINDING_ALIGNMENT } from '../gpu/memory.js'
import type { Scales } from './scales.js'
import type { Checkpoint, StreamOptions, TensorChunk, TensorInfo } from './types.js'
import { Uploader, type Destination, type Part } from './uploader.js'

/**
 * Weights lie in buffers of up to this size, or of their own where they are larger. Of larger buffers, software devices
 * commit all when the first bytes arrive.
 */
const BUFFER_BYTES = 16 << 20

/** The form in which the GPU sees a checkpoint's dtype, or null for dtypes that are no weights. */
export function weightFormat(dtype: string): WeightFormat | null {
  return dtype === 'F32' ? 'f32' : dtype === 'F16' ? 'f16' : dtype === 'BF16' ? 'bf16' : dtype === 'I8' ? 'i8' : null
}

/** An upload that compiles what it needs, and waits for `uploadWeights`, which ends it. */
export interface Upload {
  /** Of each weight. */
  readonly parts: readonly (readonly Part[])[]
  /** Its failure is told by `uploadWeights`. */
  readonly opening: Promise<Uploader>
}

/** @throws SovitError `TENSOR_MISSING` */
export function beginUpload(
  gpu: Gpu,
  weights: readonly PlannedWeight[],
  tensors: ReadonlyMap<string, TensorInfo>,
): Upload {
  const parts = partsOf(weights, tensors)
  const opening = Uploader.open(gpu, parts.flat())
  opening.catch(() => undefined)
  return { parts, opening }
}

/**
 * Streams the weights of a plan into GPU buffers, chunk by chunk: no more than a few chunks are ever held. `tensors` are
 * the checkpoint's, by canonical name. Reading begins while the device makes room and the upload's kernels compile.
 *
 * @throws SovitError `OUT_OF_MEMORY`, `BAD_WEIGHTS`, `F16_OVERFLOW`, `ABORTED`, and whatever the checkpoint throws; then no buffer is left.
 */
export async function uploadWeights(
  gpu: Gpu,
  weights: readonly PlannedWeight[],
  { parts, opening }: Upload,
  checkpoint: Checkpoint,
  tensors: ReadonlyMap<string, TensorInfo>,
  options: StreamOptions = {},
): Promise<readonly GPUBufferBinding[]> {
  const buffers: GPUBuffer[] = []
  const placing = allocating(gpu.device, 'the weights', () => allocate(gpu, weights, buffers))
  placing.catch(() => undefined) // heard of below
  try {
    const converted = convertedInt8(weights, tensors)
    // A file of its own: few checkpoints are int8, and f32 leaves them so.
    const scales =
      converted.size > 0 &&
      (await import('./scales.js').then(({ readScales }) => readScales(checkpoint, converted, options)))
    const routing = placing.then((places) => route(parts, places, scales || new Map()))
    routing.catch(() => undefined) // heard of with the first chunk
    const write = async (chunk: TensorChunk): Promise<void> =>
      (await opening).write(chunk, (await routing).get(chunk.tensor), options.signal)
    const wanted = parts.flat().map(({ tensor }) => tensor)
    await checkpoint.stream(wanted, write, options)
    const { notFinite, notF16 } = await (await opening).finish(wanted)
    if (notFinite) {
      // Other bytes may come next time; these never make weights.
      await checkpoint.discard(notFinite)
      throw notFiniteError(notFinite, checkpoint)
    }
    if (notF16) throw overflowError(notF16)
    return await placing
  } catch (error) {
    await placing.catch(() => undefined)
    for (const buffer of buffers) gpu.memory.destroy(buffer)
    throw error
  } finally {
    await opening.then(
      (uploader) => uploader.dispose(),
      () => undefined,
    )
  }
}

/**
 * Room for each weight, side by side in few buffers, which are added to `buffers` as they are made: allocators round small
 * ones up to a power of two (Dawn, BuddyMemoryAllocator.cpp), which was 5% of all weights.
 */
function allocate(gpu: Gpu, weights: readonly PlannedWeight[], buffers: GPUBuffer[]): GPUBufferBinding[] {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
  const most = Math.min(BUFFER_BYTES, gpu.device.limits.maxBufferSize)
  const groups: { label: string; bytes: number; places: { offset: number; size: number }[] }[] = []
  for (const weight of weights) {
    const { label } = weight
    const size = weightBytes(weight)
    let group = groups.at(-1)
    const offset = Math.ceil((group?.bytes ?? 0) / BINDING_ALIGNMENT) * BINDING_ALIGNMENT
    if (!group || offset + size > most) groups.push((group = { label, bytes: 0, places: [] }))
    const place = { offset: group.places.length > 0 ? offset : 0, size }
    group.places.push(place)
    group.bytes = place.offset + size
  }
  return groups.flatMap(({ label, bytes, places }) => {
    const buffer = gpu.memory.create(label, bytes, usage)
    buffers.push(buffer)
    return places.map((place) => ({ buffer, ...place }))
  })
}

function partsOf(weights: readonly PlannedWeight[], tensors: ReadonlyMap<string, TensorInfo>): Part[][] {
  let part = 0
  return weights.map(({ format, parts }) => {
    let next = 0
    return parts.map(({ name, shape }) => {
      const tensor = tensors.get(name)
      const from = tensor && weightFormat(tensor.dtype)
      if (!from) throw new SovitError('TENSOR_MISSING', `The checkpoint lacks '${name}'.`)
      const start = next
      next += shape.reduce((product, size) => product * size, 1)
      return { tensor, start, from, to: format, part: part++ }
    })
  })
}

function route(
  parts: Upload['parts'],
  places: readonly GPUBufferBinding[],
  scales: ReadonlyMap<TensorInfo, Scales>,
): ReadonlyMap<TensorInfo, Destination> {
  const destinations = places.flatMap((place, i) =>
    (parts[i] ?? []).map((part): Destination => ({ ...part, place, scales: scales.get(part.tensor) })),
  )
  return new Map(destinations.map((destination) => [destination.tensor, destination]))
}

/** Matrices of int8 that the plan wants in another form, each with its scales. */
function convertedInt8(
  weights: readonly PlannedWeight[],
  tensors: ReadonlyMap<string, TensorInfo>,
): ReadonlyMap<TensorInfo, TensorInfo> {
  const found = new Map<TensorInfo, TensorInfo>()
  for (const { name } of weights.flatMap(({ format, parts }) => (format === 'i8' ? [] : parts))) {
    const [tensor, scale] = [tensors.get(name), tensors.get(scaleName(name))]
    if (tensor?.dtype === 'I8' && scale) found.set(tensor, scale)
  }
  return found
}

function notFiniteError({ name, file }: TensorInfo, { source }: Checkpoint): SovitError {
  const what = `Tensor '${name}' of ${file} holds NaN or infinity`
  return new SovitError('BAD_WEIGHTS', `${what}. Load ${source} again; if it stays so, its file is damaged.`)
}

function overflowError({ name }: TensorInfo): SovitError {
  const what = `Tensor '${name}' holds a value beyond ±65504, which f16 cannot hold`
  return new SovitError('F16_OVERFLOW', `${what}. Use precision f32.`)
}
