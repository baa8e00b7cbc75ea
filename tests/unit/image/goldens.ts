import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Resample, RgbImage } from '../../../src/image/types.js'

/** Where tests/reference/make_image_goldens.py writes its pictures and what Pillow makes of them. */
export const FOLDER = 'tests/fixtures/images'

interface Golden {
  readonly file: string
  readonly sha256: string
}
type Sized<T> = T & { readonly width: number; readonly height: number }

export const goldens = JSON.parse(readFileSync(`${FOLDER}/goldens.json`, 'utf8')) as {
  readonly decode: readonly Sized<Golden>[]
  readonly lossy: readonly Sized<{ readonly file: string }>[]
  readonly resize: readonly Sized<Golden & { readonly filter: Resample }>[]
  readonly preprocess: readonly Golden[]
  readonly native: readonly {
    readonly from: readonly [number, number]
    readonly patch: number
    readonly limit: number
    readonly to: readonly [number, number]
  }[]
}

export function readPicture(file: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(`${FOLDER}/${file}`))
}

export function sha256(data: Uint8Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex')
}

/** What a decode or resize is compared by. */
export function fingerprint({ width, height, data }: RgbImage): { width: number; height: number; sha256: string } {
  return { width, height, sha256: sha256(data) }
}
