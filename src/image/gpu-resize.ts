import { SovitError } from '../errors.js'
import type { PixelSource } from '../graph/batch.js'
import type { Gpu } from '../gpu/device.js'
import type { Kernel } from '../gpu/kernel.js'
import { resize } from '../gpu/kernels/resize.js'
import { allocating } from '../gpu/memory.js'
import { compile, type Pipeline } from '../gpu/pipeline.js'
import { bitmapStride, copyBitmap, keepsBitmaps } from './gpu-bitmap.js'
import { betweenOf, OFFSET_IN_SIZE, RecentPasses, tableOnGpu, type Pass, type Resizing } from './gpu-passes.js'
import { NORMALISED } from './preprocess.js'
import type { DecodedPicture, RawPixels, Resample, Size } from './types.js'

type Pipelines = ReadonlyMap<Kernel, Pipeline>

const FROM_RGB = resize({ sourceBytes: 3, result: 'pixels' })
const FROM_RGBA = resize({ sourceBytes: 4, result: 'pixels' })
const TO_VALUES = resize({ sourceBytes: 4, result: 'values' })

/**
 * `preprocess` on the device, with the same bits: from bytes, or from a bitmap, whose pixels never come back to the CPU.
 * There are always two passes, since along an axis that keeps its size either filter is exactly the identity.
 */
export class GpuResizer {
  readonly #gpu: Gpu
  readonly #passes: RecentPasses
  #pipelines: Promise<Pipelines> | null = null
  #levels: GPUBuffer | null = null
  #keepsBitmaps: Promise<boolean> | null = null

  constructor(gpu: Gpu) {
    this.#gpu = gpu
    this.#passes = new RecentPasses(gpu)
  }

  /**
   * Whether the result would have the bits of the CPU path, and the device's limits allow the picture. Shared memory is
   * left to the CPU, since Dawn in Node refuses it, and bitmaps, where the browser changes them on the way.
   */
  async takes(picture: DecodedPicture, to: Size): Promise<boolean> {
    const { maxBufferSize, maxStorageBufferBindingSize, maxTextureDimension2D } = this.#gpu.device.limits
    const between = betweenOf(resizingOf(picture, to, 'bicubic'))
    const bytes = Math.max(sourceBytes(picture), between.width * between.height * 4)
    if (bytes > Math.min(maxBufferSize, maxStorageBufferBindingSize)) return false
    if ('data' in picture) return picture.data.buffer instanceof ArrayBuffer
    if (Math.max(picture.width, picture.height) > maxTextureDimension2D) return false
    return (this.#keepsBitmaps ??= keepsBitmaps(this.#gpu))
  }

  /**
   * Uploads a picture and submits its first pass, behind whatever the device works on. Afterwards the picture may be
   * changed or closed.
   *
   * @throws SovitError `OUT_OF_MEMORY`, `LIMIT`, `SHADER`
   */
  async resize(picture: DecodedPicture, to: Size, filter: Resample): Promise<PixelSource> {
    const { device, memory } = this.#gpu
    const pipelines = await (this.#pipelines ??= compile(device, [FROM_RGB, FROM_RGBA, TO_VALUES]))
    this.#gpu.check()
    const resizing = resizingOf(picture, to, filter)
    const made = new Set<GPUBuffer | GPUTexture>()
    const what = `a picture of ${picture.width}×${picture.height} pixels`
    try {
      const between = await allocating(device, what, () => this.#firstPass(pipelines, picture, resizing, made))
      made.delete(between)
      return {
        length: 3 * to.width * to.height,
        write: (pixels, first) => this.#secondPass(pipelines, resizing, between, pixels, first),
        free: () => memory.destroy(between),
      }
    } finally {
      for (const resource of made) memory.destroy(resource)
    }
  }

  /** `made` collects what it makes. Returns the pixels between the passes. */
  #firstPass(
    pipelines: Pipelines,
    picture: DecodedPicture,
    resizing: Resizing,
    made: Set<GPUBuffer | GPUTexture>,
  ): GPUBuffer {
    const { device, memory } = this.#gpu
    const { width, height } = betweenOf(resizing)
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST
    const source = memory.create('picture', sourceBytes(picture), usage)
    const between = memory.create('picture.between', width * height * 4, usage)
    made.add(source).add(between)
    const commands = device.createCommandEncoder({ label: 'picture' })
    if ('data' in picture) this.#upload(picture.data, source)
    else made.add(copyBitmap(this.#gpu, picture, commands, source))
    const kernel = bytesPerPixel(picture) === 3 ? FROM_RGB : FROM_RGBA
    this.#dispatch(commands, pipelines.get(kernel), this.#passes.of(resizing).first, source, between)
    device.queue.submit([commands.finish()])
    return between
  }

  #secondPass(pipelines: Pipelines, resizing: Resizing, between: GPUBuffer, pixels: GPUBuffer, first: number): void {
    const { device, memory } = this.#gpu
    const { second } = this.#passes.of(resizing)
    device.queue.writeBuffer(second.size, OFFSET_IN_SIZE, Uint32Array.of(first))
    const commands = device.createCommandEncoder({ label: 'picture' })
    this.#dispatch(commands, pipelines.get(TO_VALUES), second, between, pixels)
    device.queue.submit([commands.finish()])
    memory.destroy(between)
  }

  /** Queues are written in whole words. */
  #upload(data: RawPixels['data'], to: GPUBuffer): void {
    const { queue } = this.#gpu.device
    const whole = data.length - (data.length % 4)
    queue.writeBuffer(to, 0, data.buffer, data.byteOffset, whole)
    const rest = new Uint8Array(4)
    rest.set(data.subarray(whole))
    if (whole < data.length) queue.writeBuffer(to, whole, rest)
  }

  #dispatch(
    commands: GPUCommandEncoder,
    compiled: Pipeline | undefined,
    { run, taps, size }: Pass,
    source: GPUBuffer,
    result: GPUBuffer,
  ): void {
    if (!compiled) throw new SovitError('SHADER', `Kernel 'resize' was not compiled.`)
    const { kernel, layout, pipeline } = compiled
    this.#levels ??= tableOnGpu(this.#gpu, 'picture.levels', NORMALISED, GPUBufferUsage.STORAGE)
    const entries = [source, taps, this.#levels, result, size].map((buffer, binding) => {
      return { binding, resource: { buffer } }
    })
    const pass = commands.beginComputePass({ label: 'picture' })
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, this.#gpu.device.createBindGroup({ label: 'picture', layout, entries }))
    pass.dispatchWorkgroups(...kernel.workgroups(run))
    pass.end()
  }
}

function resizingOf(picture: DecodedPicture, to: Size, filter: Resample): Resizing {
  const { width, height } = picture
  return { from: { width, height }, stride: rowPixels(picture), to, filter }
}

function rowPixels(picture: DecodedPicture): number {
  return 'data' in picture ? picture.width : bitmapStride(picture.width)
}

function bytesPerPixel(picture: DecodedPicture): number {
  return 'data' in picture ? picture.data.length / (picture.width * picture.height) : 4
}

/** Of the picture on the device, in whole words. */
function sourceBytes(picture: DecodedPicture): number {
  return Math.ceil((rowPixels(picture) * picture.height * bytesPerPixel(picture)) / 4) * 4
}
