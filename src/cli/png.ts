import UPNG from 'upng-js'

/** A PNG of interleaved RGB bytes, every pixel of the source `scale`×`scale` pixels of the picture. */
export function encodePng(rgb: Uint8Array | Uint8ClampedArray, width: number, height: number, scale = 1): Uint8Array {
  const out = { width: width * scale, height: height * scale }
  const rgba = new Uint8Array(out.width * out.height * 4)
  for (let y = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++) {
      const from = 3 * (Math.floor(y / scale) * width + Math.floor(x / scale))
      rgba.set(rgb.subarray(from, from + 3), 4 * (y * out.width + x))
      rgba[4 * (y * out.width + x) + 3] = 255
    }
  }
  // 0 colours: lossless.
  return new Uint8Array(UPNG.encode([rgba.buffer], out.width, out.height, 0))
}
