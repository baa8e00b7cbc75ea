import type { RunResult } from '../graph/executor.js'
import type { Result } from '../graph/results.js'
import type { PieceImage } from './pieces.js'
import type { EncodeOptions, Encoding, Features, PositionMode } from './types.js'

/** What a run gave for each picture of its batch. Of frames that a resampler looks at together, the first has its result. */
export function encodingsOf(
  images: readonly PieceImage[],
  { results, taps, gpuMs }: RunResult,
  positions: PositionMode,
  { hiddenStates, gpuTime }: EncodeOptions,
): Encoding[] {
  const [tokens, ...heads] = results
  let group = -1
  return images.map(({ grid, source, joins }, i) => {
    if (!joins) group++
    const { data, buffer, dims, type } = featuresOf(tokens, i)
    return {
      tokens: data,
      dims: [dims[0] ?? 0, dims[1] ?? 0],
      type,
      grid: tokenGrid(grid, dims[0] ?? 0),
      source,
      positions,
      ...Object.fromEntries(heads.flatMap((head) => headOf(head, i, joins ? null : group))),
      ...(hiddenStates && { hiddenStates: taps.flatMap((tap) => tap[i] ?? []) }),
      ...(buffer && { buffer }),
      ...(gpuTime && { gpuMs: gpuMs ?? 0 }),
    }
  })
}

/** Rows and columns of tokens: of patches, but where squares of them were merged within the tower. */
function tokenGrid([rows, columns]: readonly [number, number], tokens: number): readonly [number, number] {
  const side = Math.sqrt((rows * columns) / tokens)
  return [rows / side, columns / side]
}

function headOf(head: Result, picture: number, group: number | null): [string, Features][] {
  if (head.name === 'merged') return [[head.name, featuresOf(head, picture)]]
  if (group === null) return []
  const features = featuresOf(head, group)
  // One vector of a picture is no matrix of one row.
  return [[head.name, head.name === 'pooled' ? { ...features, dims: features.dims.slice(1) } : features]]
}

function featuresOf(result: Result | undefined, part: number): Features {
  const buffer = result?.buffers[part]
  return {
    data: result?.data[part] ?? new Float32Array(),
    dims: result?.shapes[part] ?? [],
    type: 'float32',
    ...(buffer && { buffer }),
  }
}
