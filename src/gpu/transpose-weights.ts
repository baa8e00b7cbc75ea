import type { Gpu } from './device.js'
import { transpose } from './kernels/transpose.js'
import { allocating } from './memory.js'
import { compile } from './pipeline.js'

/** A weight of `batches` matrices that lie as [rows, columns], and shall lie as [columns, rows]. */
export interface Transposed {
  readonly place: GPUBufferBinding
  readonly format: string
  readonly sizes: readonly [batches: number, rows: number, columns: number]
}

/** Turns weights round where they lie, by way of a buffer as large as the largest of them. */
export async function transposeWeights(gpu: Gpu, weights: readonly Transposed[]): Promise<void> {
  const { device, memory } = gpu
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage
  const largest = Math.max(...weights.map(({ place }) => place.size ?? 0))
  const scratch = await allocating(device, 'a weight to turn round', () =>
    memory.create('transpose', largest, STORAGE | COPY_SRC | COPY_DST),
  )
  try {
    const kernels = weights.map(({ format, sizes: [batches, rows, columns] }) =>
      transpose({ batches, rows, columns, bytes: format === 'f32' ? 4 : 2 }),
    )
    const pipelines = await compile(device, kernels)
    const encoder = device.createCommandEncoder({ label: 'transpose' })
    weights.forEach(({ place: { buffer, offset = 0, size = 0 } }, i) => {
      const kernel = kernels[i]
      const compiled = kernel && pipelines.get(kernel)
      if (!compiled) return
      encoder.copyBufferToBuffer(buffer, offset, scratch, 0, size)
      const pass = encoder.beginComputePass({ label: 'transpose' })
      const entries = [
        { buffer: scratch, size },
        { buffer, offset, size },
      ].map((resource, binding) => ({ binding, resource }))
      pass.setPipeline(compiled.pipeline)
      pass.setBindGroup(0, device.createBindGroup({ label: 'transpose', layout: compiled.layout, entries }))
      pass.dispatchWorkgroups(...kernel.workgroups({}))
      pass.end()
    })
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
    gpu.check()
  } finally {
    memory.destroy(scratch)
  }
}
