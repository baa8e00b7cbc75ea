import { crc32 } from 'node:zlib'

/** The same PNG, in which the chunk at byte `at` has the CRC of what it holds now. */
export function withCrc(png: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  const end = at + 8 + view.getUint32(at)
  view.setUint32(end, crc32(png.subarray(at + 4, end)))
  return png
}
