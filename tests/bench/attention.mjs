// Times attention and layer norm at the size of SoViT-400m, 448×448, on Dawn in Node: `node tests/bench/attention.mjs`,
// or under a software driver `bash scripts/mesa.sh -- node tests/bench/attention.mjs`.
import process from 'node:process'
import { create, globals } from 'webgpu'
import { createServer } from 'vite'

const RUNS = 7

Object.assign(globalThis, globals)
const vite = await createServer({ configFile: false, server: { middlewareMode: true, watch: null }, logLevel: 'error' })
const load = (path) => vite.ssrLoadModule(path)
const { attention, attentionTiles, queryTile } = await load('/src/gpu/kernels/attention.ts')
const { layerNorm } = await load('/src/gpu/kernels/layer-norm.ts')
const { bindingBytes } = await load('/src/gpu/kernel.ts')
const { SOVIT_ATTENTION } = await load('/tests/gpu/kernels/attention-cases.ts')
const { SOVIT_LAYER_NORM } = await load('/tests/gpu/kernels/layer-norm-cases.ts')

const gpu = create([])
const adapter = await gpu.requestAdapter()
if (!adapter) throw new Error('No WebGPU adapter.')
console.log(`device: ${adapter.info.vendor} ${adapter.info.architecture} ${adapter.info.description}`)
const device = await adapter.requestDevice()

/** Milliseconds of each run after one to warm up, ascending. Inputs are noise where no data is given. */
async function time(kernel, run, data) {
  const module = device.createShaderModule({ label: kernel.name, code: kernel.code })
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } })
  const entries = kernel.bindings.map((binding, index) => {
    const size = bindingBytes(binding, kernel.dims, run)
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage[binding.access === 'uniform' ? 'UNIFORM' : 'STORAGE']
    const buffer = device.createBuffer({ label: binding.name, size, usage })
    const noise = () => Float32Array.from({ length: size / 4 }, () => Math.random() * 2 - 1)
    if (binding.access !== 'write') device.queue.writeBuffer(buffer, 0, data[binding.name] ?? noise())
    return { binding: index, resource: { buffer } }
  })
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries })
  const times = []
  for (let i = 0; i <= RUNS; i++) {
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(...kernel.workgroups(run))
    pass.end()
    const start = performance.now()
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
    if (i > 0) times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)
}

function print(what, kernel, run, times) {
  const ms = (index) => times[index].toFixed(1)
  const rate = kernel.flops(run) / times[0] / 1e6
  console.log(
    `${what}: median ${ms(RUNS >> 1)} ms, ${ms(0)} to ${ms(RUNS - 1)}; ${rate.toFixed(2)} GFLOP/s at the fastest`,
  )
}

const { heads, headSize, segments } = SOVIT_ATTENTION
const tiles = attentionTiles(segments, queryTile(SOVIT_ATTENTION))
const attend = attention(SOVIT_ATTENTION)
const rows = { P: segments[0], T: tiles.length / 4 }
print(`attention ${rows.P} rows, ${heads} heads of ${headSize}, f32`, attend, rows, await time(attend, rows, { tiles }))

const { P, C } = SOVIT_LAYER_NORM
const norm = layerNorm(SOVIT_LAYER_NORM)
print(`layer norm [${P},${C}], f32`, norm, { P }, await time(norm, { P }, { size: Uint32Array.of(P, 0, 0, 0) }))

await vite.close()
process.exit(0)
