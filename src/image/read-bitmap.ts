import { SovitError } from '../errors.js'
import type { RawPixels } from './types.js'

/** Pixels of a bitmap, RGBA. */
export function readBitmap(bitmap: ImageBitmap): RawPixels {
  const { width, height } = bitmap
  return { width, height, data: readWithWebGL(bitmap) ?? readWithCanvas(bitmap) }
}

/**
 * RGBA through a WebGL texture, the one way back that leaves colours under alpha as they are: a 2D canvas and, in
 * Chromium 156, a VideoFrame store them premultiplied. Undefined without WebGL 2 or for a picture larger than a texture.
 */
function readWithWebGL(bitmap: ImageBitmap): Uint8Array | undefined {
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2')
  if (!gl) return undefined
  try {
    const { width, height } = bitmap
    if (Math.max(width, height) > Number(gl.getParameter(gl.MAX_TEXTURE_SIZE))) return undefined
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
    const texture = gl.createTexture()
    gl.bindTexture(gl.TEXTURE_2D, texture)
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap)
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer())
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0)
    const rgba = new Uint8Array(width * height * 4)
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, rgba)
    return gl.getError() === gl.NO_ERROR ? rgba : undefined
  } finally {
    // Contexts are few (16 in Chromium) and are collected late.
    gl.getExtension('WEBGL_lose_context')?.loseContext()
  }
}

/** RGBA through a 2D canvas: exact for opaque pixels, rounded under partial alpha, black under alpha 0. */
function readWithCanvas(bitmap: ImageBitmap): Uint8ClampedArray {
  const { width, height } = bitmap
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (!context)
    throw new SovitError('BAD_IMAGE', `The picture, ${width}×${height} pixels, fits no canvas here. Scale it down.`)
  context.drawImage(bitmap, 0, 0)
  return context.getImageData(0, 0, width, height).data
}
