import { halves, RowQuantiser } from '../checkpoint/quantise.js'
import { placeTensors, type TensorToPlace } from '../checkpoint/safetensors-write.js'
import { isBlockMatrix, scaleName } from '../model/layouts.js'
import { writeInPlaces, type Put } from './output.js'

export type TowerWeights = 'stored' | 'int8'

/** A tensor to write, with the bytes that its source has of it. */
export interface TensorToStore extends TensorToPlace {
  /** What the network calls it; null for what it does not use. */
  readonly canonical: string | null
}

export interface TowerFile {
  readonly weights: TowerWeights
  readonly metadata: Readonly<Record<string, string>>
}

/** Takes the bytes of one tensor, piece by piece in their order. `offset`: that of the first of them. */
export type Sink = (bytes: Uint8Array, offset: number) => Promise<void>

/**
 * Writes tensors, and nothing else, to a file: in the order given, after all scales. `fill` hands the bytes of each to its
 * sink. They are written where they belong as they arrive: neither the order of the source nor its size matters.
 */
export async function writeTower(
  path: string,
  tensors: readonly TensorToStore[],
  { weights, metadata }: TowerFile,
  fill: (sinks: ReadonlyMap<TensorToStore, Sink>) => Promise<void>,
): Promise<{ readonly tensors: number; readonly bytes: number }> {
  const quantised = new Set(weights === 'int8' ? tensors.filter(isToQuantise) : [])
  const isScale = ({ name }: TensorToStore) => name.endsWith('_scale')
  const all: readonly TensorToPlace[] = [
    ...[...quantised].map(scaleOf),
    ...tensors.filter(isScale),
    ...tensors
      .filter((tensor) => !isScale(tensor))
      .map((tensor) => (quantised.has(tensor) ? { ...tensor, dtype: 'I8' as const } : tensor)),
  ].map(({ name, dtype, shape }) => ({ name, dtype, shape }))
  const { header, begins, end } = placeTensors(all, metadata)
  const places = new Map(all.map(({ name }, i) => [name, begins[i] ?? 0]))
  const at = (name: string) => places.get(name) ?? 0
  await writeInPlaces(path, async (put) => {
    await put(header, 0)
    const copying =
      ({ name }: TensorToStore): Sink =>
      (bytes, offset) =>
        put(bytes, at(name) + offset)
    const sinkOf = (tensor: TensorToStore): Sink =>
      quantised.has(tensor) ? quantising(tensor, put, at(tensor.name), at(scaleOf(tensor).name)) : copying(tensor)
    await fill(new Map(tensors.map((tensor) => [tensor, sinkOf(tensor)])))
  })
  return { tensors: all.length, bytes: end }
}

function isToQuantise({ canonical, dtype }: TensorToStore): boolean {
  return canonical !== null && dtype !== 'I8' && isBlockMatrix(canonical)
}

function scaleOf({ name, shape }: TensorToPlace): TensorToPlace {
  return { name: scaleName(name), dtype: 'F16', shape: shape.slice(0, 1) }
}

function quantising(tensor: TensorToPlace, put: Put, codesAt: number, scalesAt: number): Sink {
  const quantiser = new RowQuantiser(tensor)
  let row = 0
  return async (bytes) => {
    const { codes, scales } = quantiser.push(bytes)
    await put(new Uint8Array(codes.buffer), codesAt + row * quantiser.columns)
    await put(halves(scales), scalesAt + row * 2)
    row += scales.length
  }
}
