import { formatMs, type Section } from '../../src/bench/report.js'
import { spread } from '../../src/bench/bench.js'
import { summarise, type Timing } from '../../src/bench/statistics.js'
import { sovit400m, syntheticPixels } from '../../src/bench/synthetic.js'
import { KernelCatalog } from '../../src/gpu/catalog.js'
import { Gpu } from '../../src/gpu/device.js'
import { compile } from '../../src/gpu/pipeline.js'
import type { BatchImage } from '../../src/graph/batch.js'
import { Executor } from '../../src/graph/executor.js'
import { planNetwork } from '../../src/graph/plan.js'
import { weightBytes } from '../../src/graph/weights.js'
import { positionIds } from '../../src/model/positions.js'
import { sovit } from '../../src/model/sovit.js'

const SIDE = 32
const LAYERS = 27
/** The first runs are of code that JavaScript has yet to compile. */
const WARM_UP = 50
const RUNS = 200

type Phase = 'encode' | 'commands' | 'bare' | 'pixels' | 'tokens'

/**
 * What a warm encode of all 27 blocks costs the CPU, on Dawn's null backend, which checks every call and computes nothing.
 *
 * @param nullGpu of the package webgpu, created with `backend=null`
 */
export async function measureHost(nullGpu: GPU): Promise<Section> {
  const gpu = await Gpu.open({ gpu: nullGpu })
  try {
    const executor = await fullExecutor(gpu)
    const config = sovit400m(LAYERS)
    const picture: BatchImage = {
      ...{ ...syntheticPixels(SIDE, config.patch), grid: [SIDE, SIDE] },
      positions: positionIds([SIDE, SIDE], config.table, 'navit'),
    }
    const encode = async () => (await executor.submit([picture])).done
    const calls = await recordCalls(encode)
    const copying = stopwatch(gpu.device.queue)
    const times: Record<Phase, number[]> = { encode: [], commands: [], bare: [], pixels: [], tokens: [] }
    for (let run = -WARM_UP; run < RUNS; run++) {
      copying.ms = 0
      const start = performance.now()
      const { done } = await executor.submit([picture])
      const submitted = performance.now()
      await done
      const end = performance.now()
      const bare = await replay(gpu.device, calls)
      if (run < 0) continue
      times.encode.push(end - start)
      times.commands.push(submitted - start - copying.ms)
      times.bare.push(bare)
      times.pixels.push(copying.ms)
      times.tokens.push(end - submitted)
    }
    return hostSection(times, calls.filter(({ method }) => method === 'dispatchWorkgroups').length)
  } finally {
    gpu.dispose()
  }
}

function hostSection(times: Readonly<Record<Phase, readonly number[]>>, dispatches: number): Section {
  const rows: readonly (readonly [string, Timing])[] = [
    [`recording and submitting ${dispatches} dispatches`, summarise(times.commands)],
    ['of it WebGPU, by the same calls in a bare loop', summarise(times.bare)],
    ['handing over the pixels, a copy of 2.4 MB', summarise(times.pixels)],
    ['waiting for the tokens, and a copy of 4.7 MB', summarise(times.tokens)],
    ['a whole encode', summarise(times.encode)],
  ]
  return {
    title: `Host, null backend, ${LAYERS} of 27 blocks, ${SIDE * SIDE} tokens`,
    columns: ['CPU time of a warm encode', 'median', 'least to most', 'runs'],
    rows: rows.map(([name, timing]) => [name, formatMs(timing.median), spread(timing), String(timing.runs)]),
    notes: ['Dawn checks every call and computes nothing. In a stream all of this is beside the work of the device.'],
    data: { dispatches, timings: Object.fromEntries(rows) },
  }
}

/** The plan of the true network on weights that lie over one another: the null backend has but 512 MB. */
async function fullExecutor(gpu: Gpu): Promise<Executor> {
  const config = sovit400m(LAYERS)
  const { maxComputeWorkgroupStorageSize: workgroupBytes, maxComputeInvocationsPerWorkgroup: invocations } =
    gpu.device.limits
  const traits = { arithmetic: 'f32', software: false, matrix: null, workgroupBytes, invocations } as const
  const kernels = await KernelCatalog.open(traits)
  const plan = planNetwork(sovit(config), { precision: 'f32', stored: () => 'bf16', kernels })
  const pipelines = await compile(
    gpu.device,
    plan.steps.map(({ kernel }) => kernel),
  )
  const bySize = new Map<number, GPUBuffer>()
  const weights = plan.weights.map((weight) => {
    const bytes = weightBytes(weight)
    const buffer = bySize.get(bytes) ?? gpu.memory.create('weights', bytes, GPUBufferUsage.STORAGE)
    bySize.set(bytes, buffer)
    return { buffer }
  })
  return new Executor(gpu, plan, config.patch, pipelines, weights)
}

const METHODS = ['setPipeline', 'setBindGroup', 'dispatchWorkgroups'] as const

/** A call of a compute pass, to be made again. */
interface Call {
  readonly method: (typeof METHODS)[number]
  again(pass: GPUComputePassEncoder): void
}

/** Every call that `work` makes of compute passes. */
async function recordCalls(work: () => Promise<unknown>): Promise<readonly Call[]> {
  const passes = GPUComputePassEncoder.prototype as unknown as Record<string, (...args: unknown[]) => void>
  const calls: Call[] = []
  const originals = METHODS.map((method) => {
    const original = Object.getOwnPropertyDescriptor(passes, method) ?? {}
    const call = original.value as (...args: unknown[]) => void
    passes[method] = function (...args) {
      calls.push({ method, again: bound(method, args) })
      Reflect.apply(call, this, args)
    }
    return [method, original] as const
  })
  try {
    await work()
    return calls
  } finally {
    for (const [method, original] of originals) Object.defineProperty(passes, method, original)
  }
}

/** Plain calls: what the loop itself costs must not count. */
function bound(method: Call['method'], args: readonly unknown[]): Call['again'] {
  const [a, b, c] = args
  switch (method) {
    case 'setPipeline':
      return (pass) => pass.setPipeline(a as GPUComputePipeline)
    case 'setBindGroup':
      return (pass) => pass.setBindGroup(a as number, b as GPUBindGroup)
    case 'dispatchWorkgroups':
      return (pass) => pass.dispatchWorkgroups(a as number, b as number, c as number)
  }
}

/** Milliseconds of making the same calls in one pass, and submitting them. */
async function replay(device: GPUDevice, calls: readonly Call[]): Promise<number> {
  const start = performance.now()
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  for (const call of calls) call.again(pass)
  pass.end()
  device.queue.submit([encoder.finish()])
  const ms = performance.now() - start
  await device.queue.onSubmittedWorkDone()
  return ms
}

/** Adds up the milliseconds spent in a queue's copying. */
function stopwatch(queue: GPUQueue): { ms: number } {
  const watch = { ms: 0 }
  const original = queue.writeBuffer.bind(queue) as (...args: unknown[]) => void
  queue.writeBuffer = (...args: unknown[]): undefined => {
    const start = performance.now()
    original(...args)
    watch.ms += performance.now() - start
  }
  return watch
}
