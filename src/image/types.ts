import type {
  Blob,
  HTMLCanvasElement,
  HTMLImageElement,
  ImageBitmap,
  ImageData,
  OffscreenCanvas,
  URL,
  VideoFrame,
} from '../platform.js'

/** A size in pixels. */
export interface Size {
  /** Of a row. */
  readonly width: number
  /** Of a column. */
  readonly height: number
}

/** A decoded picture: 8-bit sRGB, interleaved, rows from the top; `data` holds width·height·3 bytes. */
export interface RgbImage {
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
  /** Red, green, blue of each pixel. */
  readonly data: Uint8Array
}

/** Normalised pixel values, planar: `data` is [3, height, width]. */
export interface PixelValues {
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
  /** Red, then green, then blue of all pixels, row-major; finite, about −1 to 1. */
  readonly data: Float32Array
}

/** Raw pixels of a caller: 3 (RGB) or 4 (RGBA, alpha dropped) interleaved bytes a pixel. */
export interface RawPixels {
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
  /** height·width·3 or ·4 bytes, rows from the top. */
  readonly data: Uint8Array | Uint8ClampedArray
}

/** A picture that is decoded, but not yet looked at: bytes, RGB or RGBA by their number, or the browser's. */
export type DecodedPicture = RawPixels | ImageBitmap

/** Whatever a picture may come as. Blobs and addresses are decoded; EXIF orientation is applied. */
export type ImageInput =
  | Blob
  | URL
  | string
  | ArrayBuffer
  | Uint8Array
  | RawPixels
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame

/**
 * Sizes that leave a picture whole: a side (`448`: squash to 448×448); height and width (pixels beyond the last whole patch
 * are ignored); `native`: aspect kept, scaled down so that no side exceeds `limit`, sides rounded to whole patches;
 * `naflex`: SigLIP 2's, aspect kept, scaled so that there are at most so many patches.
 */
export type WholeSize =
  | number
  | {
      /** In pixels. */
      readonly height: number
      /** In pixels. */
      readonly width: number
    }
  | 'native'
  | {
      /** Most patches. */
      readonly naflex: number
    }

/** `minicpm-v`: an overview and, of pictures above 448×448 pixels, slices of about that area each. */
export type SizeOption = WholeSize | 'minicpm-v'

/** Filter by which pictures are resized; both exactly as Pillow. */
export type Resample = 'bicubic' | 'bilinear'

export interface PreprocessOptions {
  /** Default 448. */
  readonly size?: SizeOption
  /** Default bicubic, for `naflex` bilinear; both exactly as Pillow. */
  readonly resample?: Resample
  /** Side of a patch. Default 14. */
  readonly patch?: number
  /** Longest side of `native`. Default 980 (position table side × patch). */
  readonly limit?: number
  /** Most slices of `minicpm-v`, besides the overview. Default 9. */
  readonly maxSlices?: number
}

/** One resize of a picture, and the equal cells that the result is cut into: 1×1 where it stays whole. */
export interface Target extends Size {
  readonly filter: Resample
  readonly rows: number
  readonly columns: number
}

/** A picture, or a part of it, that becomes one picture of the network. `data` is [3, height, width], normalised. */
export interface Piece<Data> extends Size {
  readonly data: Data
  /** [row, column] in the grid of slices; [-1, -1] for a whole picture, as an overview is. */
  readonly place: readonly [row: number, column: number]
}
