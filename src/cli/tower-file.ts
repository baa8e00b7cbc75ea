import { halves, RowQuantiser } from '../checkpoint/quantise.js'
import { placeTensors, type TensorToPlace } from '../checkpoint/safetensors-write.js'
import type { Checkpoint, StreamOptions, TensorChunk, TensorInfo } from '../checkpoint/types.js'
import type { DescribedTower } from '../encoder/describe.js'
import { isBlockMatrix, scaleName } from '../model/layouts.js'
import { writeInPlaces, type Put } from './output.js'

export type TowerWeights = 'stored' | 'int8'

export interface TowerFile extends StreamOptions {
  readonly weights: TowerWeights
  readonly metadata: Readonly<Record<string, string>>
}

/** Takes the chunks of one tensor, in their order. */
type Sink = (chunk: TensorChunk) => Promise<void>

/**
 * Writes the tensors of a tower, and nothing else, to a file: in the order of the network, after all scales. Names stay as
 * the source has them, since each of its readers looks for these. Chunks are written where they belong as they arrive:
 * neither the order of the source nor its size matters.
 */
export async function writeTower(
  path: string,
  checkpoint: Checkpoint,
  { tensors }: DescribedTower,
  { weights, metadata, signal, onProgress }: TowerFile,
): Promise<{ readonly tensors: number; readonly bytes: number }> {
  const isQuantised = (canonical: string, { dtype }: TensorInfo) =>
    weights === 'int8' && dtype !== 'I8' && isBlockMatrix(canonical)
  const matrices = [...tensors].filter(([name, tensor]) => isQuantised(name, tensor)).map(([, tensor]) => tensor)
  const scales = matrices.map(scaleOf)
  const known = [...tensors].filter(([name]) => name.endsWith('_scale')).map(([, tensor]) => tensor)
  const others = [...tensors.values()].filter((tensor) => !known.includes(tensor))
  const codes = others.map((tensor) => (matrices.includes(tensor) ? { ...tensor, dtype: 'I8' as const } : tensor))
  const all: readonly TensorToPlace[] = [...scales, ...known, ...codes].map(({ name, dtype, shape }) => {
    return { name, dtype, shape }
  })
  const { header, begins, end } = placeTensors(all, metadata)
  const places = new Map(all.map(({ name }, i) => [name, begins[i] ?? 0]))
  const at = (name: string) => places.get(name) ?? 0
  await writeInPlaces(path, async (put) => {
    await put(header, 0)
    const sinks = new Map<TensorInfo, Sink>()
    for (const tensor of tensors.values()) {
      const copied: Sink = ({ bytes, offset }) => put(bytes, at(tensor.name) + offset)
      const sink = matrices.includes(tensor)
        ? quantising(tensor, put, at(tensor.name), at(scaleOf(tensor).name))
        : copied
      sinks.set(tensor, sink)
    }
    await checkpoint.stream(tensors.values(), (chunk) => sinks.get(chunk.tensor)?.(chunk), { signal, onProgress })
  })
  return { tensors: all.length, bytes: end }
}

function scaleOf({ name, shape }: TensorInfo): TensorToPlace {
  return { name: scaleName(name), dtype: 'F16', shape: shape.slice(0, 1) }
}

function quantising(tensor: TensorInfo, put: Put, codesAt: number, scalesAt: number): Sink {
  const quantiser = new RowQuantiser(tensor)
  let row = 0
  return async ({ bytes }) => {
    const { codes, scales } = quantiser.push(bytes)
    await put(new Uint8Array(codes.buffer), codesAt + row * quantiser.columns)
    await put(halves(scales), scalesAt + row * 2)
    row += scales.length
  }
}
