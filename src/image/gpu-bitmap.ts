import type { Gpu } from '../gpu/device.js'
import { readBuffer } from '../graph/readbacks.js'
import { AS_IT_IS } from './decode-browser.js'

/** Rows of a texture are copied to multiples of 256 bytes (WebGPU, GPUTexelCopyBufferLayout). */
const ROW_PIXELS = 64

/** Pixels from one row of a bitmap to the next in the buffer that `copyBitmap` fills. */
export function bitmapStride(width: number): number {
  return Math.ceil(width / ROW_PIXELS) * ROW_PIXELS
}

/** Copies a bitmap to a buffer, RGBA, in rows of `bitmapStride` pixels. Returns the texture in between, to be freed. */
export function copyBitmap(
  { device, memory }: Gpu,
  bitmap: ImageBitmap,
  commands: GPUCommandEncoder,
  buffer: GPUBuffer,
): GPUTexture {
  const { width, height } = bitmap
  const usage = GPUTextureUsage.COPY_SRC | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT
  const texture = memory.createTexture('picture', width, height, usage)
  const destination = { texture, colorSpace: 'srgb', premultipliedAlpha: false } as const
  device.queue.copyExternalImageToTexture({ source: bitmap }, destination, [width, height])
  commands.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: bitmapStride(width) * 4 }, [width, height])
  return texture
}

/**
 * Whether this browser brings the bits of a bitmap to the device as they are, seen on a bitmap of every alpha. Chromium
 * 156 does; Firefox 153 premultiplies on the way, which rounds the colours.
 */
export async function keepsBitmaps(gpu: Gpu): Promise<boolean> {
  const [width, height] = [ROW_PIXELS, 256 / ROW_PIXELS]
  const data = Uint8ClampedArray.from({ length: 256 * 4 }, (_, i) => (i % 4 === 3 ? i >> 2 : (i * 37) & 255))
  const bitmap = await createImageBitmap(new ImageData(data, width, height), AS_IT_IS)
  gpu.check() // a dispose during the await has freed everything
  const { device, memory } = gpu
  const buffer = memory.create('picture', data.length, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST)
  const commands = device.createCommandEncoder({ label: 'picture' })
  const texture = copyBitmap(gpu, bitmap, commands, buffer)
  device.queue.submit([commands.finish()])
  bitmap.close()
  try {
    return await readBuffer(buffer, data.length, (mapped) => {
      const seen = new Uint8Array(mapped)
      return data.every((byte, i) => byte === seen[i])
    })
  } finally {
    memory.destroy(buffer)
    memory.destroy(texture)
  }
}
