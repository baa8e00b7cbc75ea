import { mkdtempSync, openSync, writeSync, closeSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  sovit400m,
  syntheticPixels,
  syntheticTower,
  towerFile,
  type SyntheticTower,
} from '../../../src/bench/synthetic.js'
import type { PixelValues } from '../../../src/image/types.js'
import type { VisionConfig } from '../../../src/model/config.js'
import { positionIds } from '../../../src/model/positions.js'

/** What every racer encodes: one synthetic tower and one picture, in each form that somebody wants. */
export interface Subject {
  readonly config: VisionConfig
  readonly tower: SyntheticTower
  /** Patches along each side; P = side². */
  readonly side: number
  /** [3, height, width] */
  readonly pixels: PixelValues
  /** The same values patch by patch, [P, 3p²]. */
  readonly rows: Float32Array
  /** Row of the position table for each patch. */
  readonly positions: Uint32Array
  /** For files that peers read; removed by `dispose`. */
  readonly folder: string
  dispose(): void
}

export function makeSubject(layers: number, side: number): Subject {
  const config = sovit400m(layers)
  const pixels = syntheticPixels(side, config.patch)
  const folder = mkdtempSync(join(tmpdir(), 'sovit-bench-'))
  return {
    ...{ config, side, pixels, folder },
    tower: syntheticTower(config),
    rows: cutPatches(pixels.data, side, config.patch),
    positions: positionIds([side, side], config.table, 'navit'),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** The checkpoint of a subject, as a file in its folder. */
export function checkpointFile({ folder, tower }: Subject): string {
  return writeParts(join(folder, 'model.safetensors'), towerFile(tower))
}

export function writeParts(path: string, parts: readonly Uint8Array[]): string {
  const file = openSync(path, 'w')
  for (const part of parts) writeSync(file, part)
  closeSync(file)
  return path
}

/** [3, side·p, side·p] to [side², 3·p·p]. */
function cutPatches(pixels: Float32Array, side: number, patch: number): Float32Array {
  const width = side * patch
  const rows = new Float32Array(pixels.length)
  let at = 0
  for (let p = 0; p < side * side; p++) {
    const corner = Math.floor(p / side) * patch * width + (p % side) * patch
    for (let line = 0; line < 3 * patch; line++) {
      const start = corner + Math.floor(line / patch) * width * width + (line % patch) * width
      rows.set(pixels.subarray(start, start + patch), at)
      at += patch
    }
  }
  return rows
}
