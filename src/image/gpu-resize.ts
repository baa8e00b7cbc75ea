import { SovitError } from '../errors.js'
import type { PixelSource } from '../graph/batch.js'
import type { Gpu } from '../gpu/device.js'
import type { Kernel } from '../gpu/kernel.js'
import { resize } from '../gpu/kernels/resize.js'
import { allocating } from '../gpu/memory.js'
import { compile, type Pipeline } from '../gpu/pipeline.js'
import { bitmapStride, copyBitmap, keepsBitmaps } from './gpu-bitmap.js'
import { betweenOf, OFFSET_IN_SIZE, RecentPasses, tableOnGpu, type Pass, type Resizing } from './gpu-passes.js'
import { isVerticalFirst } from './taps.js'
import { cellsOf, NORMALISED } from './targets.js'
import type { DecodedPicture, Piece, RawPixels, Target } from './types.js'

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
  async takes(picture: DecodedPicture, targets: readonly Target[]): Promise<boolean> {
    const { maxBufferSize, maxStorageBufferBindingSize, maxTextureDimension2D } = this.#gpu.device.limits
    const between = targets.map((to) => betweenBytes(resizingOf(picture, to)))
    const bytes = Math.max(sourceBytes(picture), ...between)
    if (bytes > Math.min(maxBufferSize, maxStorageBufferBindingSize)) return false
    if ('data' in picture) return picture.data.buffer instanceof ArrayBuffer
    if (Math.max(picture.width, picture.height) > maxTextureDimension2D) return false
    return (this.#keepsBitmaps ??= keepsBitmaps(this.#gpu))
  }

  /**
   * Uploads a picture and submits its first passes, behind whatever the device works on. Afterwards the picture may be
   * changed or closed.
   *
   * @returns the cells of all targets, as `preprocess` has them
   * @throws SovitError `OUT_OF_MEMORY`, `LIMIT`, `SHADER`
   */
  async resize(picture: DecodedPicture, targets: readonly Target[]): Promise<Piece<PixelSource>[]> {
    const { device, memory } = this.#gpu
    const pipelines = await (this.#pipelines ??= compile(device, [FROM_RGB, FROM_RGBA, TO_VALUES]))
    this.#gpu.check()
    const resizings = targets.map((to) => resizingOf(picture, to))
    const made = new Set<GPUBuffer | GPUTexture>()
    const what = `a picture of ${picture.width}×${picture.height} pixels`
    try {
      const strips = await allocating(device, what, () => this.#firstPasses(pipelines, picture, resizings, made))
      for (const strip of strips.flat()) made.delete(strip)
      return resizings.flatMap((resizing, i) => this.#cells(pipelines, resizing, strips[i] ?? []))
    } finally {
      for (const resource of made) memory.destroy(resource)
    }
  }

  /** `made` collects what it makes. Returns the pixels between the passes, in strips. */
  #firstPasses(
    pipelines: Pipelines,
    picture: DecodedPicture,
    resizings: readonly Resizing[],
    made: Set<GPUBuffer | GPUTexture>,
  ): GPUBuffer[][] {
    const { device, memory } = this.#gpu
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST
    const source = memory.create('picture', sourceBytes(picture), usage)
    made.add(source)
    const commands = device.createCommandEncoder({ label: 'picture' })
    if ('data' in picture) this.#upload(picture.data, source)
    else made.add(copyBitmap(this.#gpu, picture, commands, source))
    const kernel = bytesPerPixel(picture) === 3 ? FROM_RGB : FROM_RGBA
    const strips = resizings.map((resizing) =>
      this.#passes.of(resizing).first.map((pass) => {
        const strip = memory.create('picture.between', betweenBytes(resizing), usage)
        made.add(strip)
        this.#dispatch(commands, pipelines.get(kernel), pass, source, strip)
        return strip
      }),
    )
    device.queue.submit([commands.finish()])
    return strips
  }

  /** The second pass of each cell is to come; a strip is freed when all of its cells are written or freed. */
  #cells(pipelines: Pipelines, resizing: Resizing, strips: readonly GPUBuffer[]): Piece<PixelSource>[] {
    const { memory } = this.#gpu
    const down = !isVerticalFirst(resizing.from, resizing.to)
    const cells = cellsOf(resizing.to).flatMap(({ row, column, ...cell }) => {
      const [strip, index] = down ? [strips[column], row] : [strips[row], column]
      return strip ? [{ ...cell, strip, index }] : []
    })
    const waiting = new Set(cells)
    return cells.map((cell) => {
      const { width, height, place, strip, index } = cell
      const free = (): void => {
        waiting.delete(cell)
        if (![...waiting].some((other) => other.strip === strip)) memory.destroy(strip)
      }
      const write = (pixels: GPUBuffer, first: number): void => {
        this.#secondPass(pipelines, this.#passes.of(resizing).second[index], strip, pixels, first)
        free()
      }
      return { width, height, place, data: { length: 3 * width * height, write, free } }
    })
  }

  #secondPass(pipelines: Pipelines, pass: Pass | undefined, strip: GPUBuffer, pixels: GPUBuffer, first: number): void {
    if (!pass) return
    const { queue } = this.#gpu.device
    queue.writeBuffer(pass.size, OFFSET_IN_SIZE, Uint32Array.of(first))
    const commands = this.#gpu.device.createCommandEncoder({ label: 'picture' })
    this.#dispatch(commands, pipelines.get(TO_VALUES), pass, strip, pixels)
    queue.submit([commands.finish()])
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

function resizingOf(picture: DecodedPicture, to: Target): Resizing {
  const { width, height } = picture
  return { from: { width, height }, stride: rowPixels(picture), to }
}

function betweenBytes(resizing: Resizing): number {
  const { width, height } = betweenOf(resizing)
  return width * height * 4
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
