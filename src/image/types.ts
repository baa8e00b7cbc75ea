/** A size in pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** A decoded picture: 8-bit sRGB, interleaved, rows from the top; `data` holds width·height·3 bytes. */
export interface RgbImage {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** Normalised pixel values, planar: `data` is [3, height, width]. */
export interface PixelValues {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** Raw pixels of a caller: 3 (RGB) or 4 (RGBA, alpha dropped) interleaved bytes a pixel. */
export interface RawPixels {
  readonly width: number
  readonly height: number
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
 * Target of the resize: a side (`448`: squash to 448×448), height and width (pixels beyond the last whole patch are
 * ignored), or `native`: aspect kept, scaled down so that no side exceeds `limit`, sides rounded to whole patches.
 */
export type SizeOption = number | { readonly height: number; readonly width: number } | 'native'

export type Resample = 'bicubic' | 'bilinear'

export interface PreprocessOptions {
  /** Default 448. */
  readonly size?: SizeOption
  /** Default bicubic, both exactly as Pillow. */
  readonly resample?: Resample
  /** Side of a patch, for `native`. Default 14. */
  readonly patch?: number
  /** Longest side of `native`. Default 980 (position table side × patch). */
  readonly limit?: number
}
