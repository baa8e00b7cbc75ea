// Times the matrix multiplies of SoViT-400m at 448×448 on Dawn in Node: `node tests/bench/matmul.mjs [tile...]`, or
// under a software driver `bash scripts/mesa.sh -- node tests/bench/matmul.mjs direct 64x64`.
import process from 'node:process'
import { create, globals } from 'webgpu'
import { createServer } from 'vite'

const RUNS = 5

Object.assign(globalThis, globals)
const vite = await createServer({
  configFile: false,
  server: { middlewareMode: true, watch: null },
  optimizeDeps: { noDiscovery: true },
  logLevel: 'error',
})
const { matmul } = await vite.ssrLoadModule('/src/gpu/kernels/matmul.ts')
const { bindingBytes } = await vite.ssrLoadModule('/src/gpu/kernel.ts')
const { MATMUL_TILES, SOVIT_MATMULS } = await vite.ssrLoadModule('/tests/gpu/kernels/cases.ts')

const gpu = create([])
const adapter = await gpu.requestAdapter()
if (!adapter) throw new Error('No WebGPU adapter.')
console.log(`device: ${adapter.info.vendor} ${adapter.info.architecture} ${adapter.info.description}`)
const device = await adapter.requestDevice()

/** Milliseconds of each run after one to warm up, ascending. Inputs are small numbers: bf16 1.0 in each half word. */
async function time(kernel, run) {
  const module = device.createShaderModule({ label: kernel.name, code: kernel.code })
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } })
  const buffers = kernel.bindings.map((binding) => {
    const uniform = binding.access === 'uniform'
    const words = bindingBytes(binding, kernel.dims, run) / 4
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage[uniform ? 'UNIFORM' : 'STORAGE']
    const buffer = device.createBuffer({ size: words * 4, usage })
    const data = uniform ? Uint32Array.of(run.P, 0, 0, 0) : new Uint32Array(words).fill(0x3f803f80)
    device.queue.writeBuffer(buffer, 0, data)
    return buffer
  })
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries })
  const times = []
  for (let i = 0; i <= RUNS; i++) {
    const begin = performance.now()
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(...kernel.workgroups(run))
    pass.end()
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
    times.push(performance.now() - begin)
  }
  for (const buffer of buffers) buffer.destroy()
  return times.slice(1).sort((a, b) => a - b)
}

const tiles = process.argv.length > 2 ? process.argv.slice(2) : MATMUL_TILES
for (const { P, ...spec } of SOVIT_MATMULS) {
  for (const tile of tiles) {
    const kernel = matmul({ ...spec, tile })
    const times = await time(kernel, { P })
    const [min, median, max] = [times[0], times[RUNS >> 1], times[RUNS - 1]]
    const rate = (ms) => (kernel.flops({ P }) / ms / 1e6).toFixed(1)
    console.log(
      `${spec.K}->${spec.N} ${spec.weight} ${spec.epilogue} ${tile}: median ${median.toFixed(0)} ms ` +
        `(${min.toFixed(0)} to ${max.toFixed(0)}), ${rate(median)} GFLOP/s (best ${rate(min)})`,
    )
  }
}
await vite.close()
process.exit(0)
