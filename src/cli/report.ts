import type { Encoding, ModelInfo } from '../encoder/types.js'
import type { Picture } from './pictures.js'
import { mb } from './progress.js'
import type { EncodeReport, Runtime } from './runtime.js'

type Json = Readonly<Record<string, unknown>>

/** The `model` of the JSON outputs. */
export function modelJson(source: string, { layout, dtype, config }: ModelInfo): Json {
  const { layers, width, heads, mlp, table } = config
  return { source, layout, dtype, layers, width, heads, mlp, table }
}

/** Everything that `encode --json` prints. */
export function encodeJson(
  name: string,
  runtime: Runtime['name'],
  report: EncodeReport,
  pictures: readonly Picture[],
): Json {
  const { vendor, architecture, description, backend, features } = report.device
  return {
    model: modelJson(name, report.model),
    device: { vendor, architecture, description, backend, features },
    precision: report.precision,
    arithmetic: report.arithmetic,
    runtime,
    load: report.load,
    images: report.encodings.map(({ grid, dims: [tokens] }, i) => {
      return { source: pictures[i]?.source, piece: pictures[i]?.piece, grid, tokens }
    }),
    ms: report.ms,
    gpuMs: report.gpuMs,
  }
}

/** What `encode` says to a person. */
export function encodeLines(name: string, report: EncodeReport, pictures: readonly Picture[]): string[] {
  const { ms, fetchedBytes, cachedBytes, gpuBytes } = report.load
  const kept = cachedBytes > 0 ? `, ${mb(cachedBytes)} MB from the cache` : ''
  return [
    `model      ${modelLine(name, report.model)}`,
    `device     ${deviceLine(report.device)}`,
    `precision  ${report.precision}, products ${report.arithmetic === 'matrix' ? 'by matrix units' : `in ${report.arithmetic}`}`,
    `load       ${ms.toFixed(0)} ms, ${mb(fetchedBytes)} MB fetched${kept}, ${mb(gpuBytes)} MB on the GPU`,
    ...report.encodings.flatMap((encoding, i) => {
      const picture = pictures[i]
      return picture ? [`${pictureLine({ ...picture, grid: encoding.grid })}${headsText(encoding)}`] : []
    }),
    `encode     ${timeLine(report.ms, new Set(pictures.map(({ piece: [image] }) => image)).size)}${report.gpuMs ? `, ${median(report.gpuMs).toFixed(1)} ms on the GPU` : ''}`,
  ]
}

/** `, resampled 64×3584`: what heads made of the tokens. */
function headsText({ pooled, resampled, merged }: Encoding): string {
  const heads = Object.entries({ pooled, resampled, merged })
  return heads.map(([name, head]) => (head ? `, ${name} ${head.dims.join('×')}` : '')).join('')
}

/** `weights.safetensors: vpm, BF16, 27 layers × 1152` */
export function modelLine(name: string, { layout, dtype, config }: ModelInfo): string {
  return `${name}: ${layout}, ${dtype}, ${config.layers} layers × ${config.width}`
}

function deviceLine({ vendor, architecture, description, backend, software }: EncodeReport['device']): string {
  const named = description || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed adapter'
  return `${named}${software ? ', a software rasteriser' : ''} (${backend})`
}

/**
 * `photo.jpg: 640×480 as 448×448, grid 32×32, 1024 tokens`; pictures width×height, the grid rows×columns. Of a slice:
 * `photo.jpg: 640×480, slice 0,1 of 364×546, …`, its row and column.
 */
export function pictureLine({
  source,
  piece: [, row, column],
  width,
  height,
  pixels,
  grid,
}: Picture & { grid: readonly [number, number] }): string {
  const to = `${pixels.width}×${pixels.height}`
  const resized = row >= 0 ? `, slice ${row},${column} of ${to}` : to === `${width}×${height}` ? '' : ` as ${to}`
  return `picture    ${source}: ${width}×${height}${resized}, grid ${grid[0]}×${grid[1]}, ${grid[0] * grid[1]} tokens`
}

/** All runs are of all pictures together; one picture's share is their mean. */
function timeLine(ms: readonly number[], pictures: number): string {
  const runs = ms.length > 1 ? `, median of ${ms.length} runs` : ''
  const share = pictures > 1 ? `, ${(median(ms) / pictures).toFixed(1)} ms a picture` : ''
  return `${median(ms).toFixed(1)} ms${runs}${share}`
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}
