import { SovitError } from '../errors.js'
import type { PlannedWeight, WeightFormat } from '../graph/weights.js'
import type { Gpu } from '../gpu/device.js'
import { scaleName } from '../model/layouts.js'
import type { Scales } from './scales.js'
import type { Checkpoint, StreamOptions, TensorChunk, TensorInfo } from './types.js'
import { Uploader } from './uploader.js'
import {
  bindingOf,
  make,
  makeAhead,
  placesOf,
  type Destination,
  type Part,
  type Parts,
  type Place,
} from './weight-buffers.js'

/** The form in which the GPU sees a checkpoint's dtype, or null for dtypes that are no weights. */
export function weightFormat(dtype: string): WeightFormat | null {
  return dtype === 'F32' ? 'f32' : dtype === 'F16' ? 'f16' : dtype === 'BF16' ? 'bf16' : dtype === 'I8' ? 'i8' : null
}

/** An upload that compiles what it needs, and waits for `uploadWeights`, which ends it. */
export interface Upload {
  readonly parts: Parts
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
  const places = placesOf(gpu, weights, parts)
  const makeAll = () => Promise.all(places.map(({ room }) => make(gpu, room)))
  // Rasterisers clear what they allocate, 0.5 s of a tower: each buffer is made for its first bytes there, while others come.
  const making = gpu.info.software ? null : makeAll()
  making?.catch(() => undefined) // heard of below
  try {
    const converted = convertedInt8(weights, tensors)
    // A file of its own: few checkpoints are int8, and f32 leaves them so.
    const scales =
      converted.size > 0 &&
      (await import('./scales.js').then(({ readScales }) => readScales(checkpoint, converted, options)))
    const destinations = route(parts, places, scales || new Map())
    const write = async (chunk: TensorChunk): Promise<void> => {
      const to = destinations.get(chunk.tensor)
      const uploader = await opening
      await (making ?? (to && makeAhead(gpu, to.place.room)))
      await uploader.write(chunk, to, options.signal)
    }
    const wanted = parts.flat().map(({ tensor }) => tensor)
    await checkpoint.stream(wanted, write, options)
    await makeAll() // those of zeros alone, too
    const { notFinite, notF16 } = await (await opening).finish(wanted)
    if (notFinite) {
      // Other bytes may come next time; these never make weights.
      await checkpoint.discard(notFinite)
      throw notFiniteError(notFinite, checkpoint)
    }
    if (notF16) throw overflowError(notF16)
    return places.map(bindingOf)
  } catch (error) {
    for (const { room } of places) {
      await room.making?.catch(() => undefined)
      if (room.buffer) gpu.memory.destroy(room.buffer)
    }
    throw error
  } finally {
    await opening.then(
      (uploader) => uploader.dispose(),
      () => undefined,
    )
  }
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
  parts: Parts,
  places: readonly Place[],
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
