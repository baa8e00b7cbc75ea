import { SovitError } from '../errors.js'
import type { Gpu } from './device.js'
import { BoundKernel } from './bound-kernel.js'
import type { Kernel } from './kernel.js'
import type { Pipeline } from './pipeline.js'

/** Rows to check: more than one of a tile, and not whole ones. */
const ROWS = 37
/** Columns to check, as distance between them: as many as take JavaScript some milliseconds. */
const EVERY = 29

/**
 * Runs a product on matrices of small integers, whose sums are exact in any order, and compares them with integer
 * arithmetic: drivers are known that take experimental shaders and compute something else.
 *
 * @throws SovitError `SHADER` when a sum is wrong
 */
export async function checkProduct(gpu: Gpu, compiled: Pipeline): Promise<void> {
  const { kernel } = compiled
  const { K = 0, N = 0 } = kernel.dims
  const x = integers(ROWS * K, 7)
  const weight = integers(N * K, 5)
  const contents: Readonly<Record<string, ArrayBufferView>> = {
    x: encode(x, kernel, 'x'),
    weight: encode(weight, kernel, 'weight'),
    // Behind the biases of int8 lie scales: all one.
    bias: new Float32Array(kernel.bindings.some(({ type }) => type === 'i8') ? 2 * N : N).fill(1, N),
    size: Uint32Array.of(ROWS, 0, 0, 0),
  }
  const y = new Float32Array(await run(gpu, compiled, contents))
  for (let row = 0; row < ROWS; row++) {
    for (let n = row % EVERY; n < N; n += EVERY) {
      let sum = 0
      for (let k = 0; k < K; k++) sum += (x[row * K + k] ?? NaN) * (weight[n * K + k] ?? NaN)
      if (y[row * N + n] === sum) continue
      throw new SovitError(
        'SHADER',
        `The matrix units of this device compute wrong sums (${y[row * N + n] ?? NaN} for ${sum}): its driver is not used for them.`,
      )
    }
  }
}

/** Integers from -3 to 3, the same each time. */
function integers(count: number, seed: number): Int8Array {
  let state = seed
  return Int8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0 // Numerical Recipes
    return ((state >>> 24) % 7) - 3
  })
}

/** Floats of -3 to 3 in 16 bits, by type; f32 otherwise. */
const HALVES = {
  f16: [0xc200, 0xc000, 0xbc00, 0, 0x3c00, 0x4000, 0x4200],
  bf16: [0xc040, 0xc000, 0xbf80, 0, 0x3f80, 0x4000, 0x4040],
} as const

function encode(values: Int8Array, { bindings }: Kernel, name: string): ArrayBufferView {
  const type = bindings.find((binding) => binding.name === name)?.type
  if (type === 'i8') return values
  if (type !== 'f16' && type !== 'bf16') return Float32Array.from(values)
  return Uint16Array.from(values, (value) => HALVES[type][value + 3] ?? 0)
}

/** Runs a kernel once on buffers of these contents (zeros where there are none) and returns its `y`. */
async function run(
  gpu: Gpu,
  compiled: Pipeline,
  contents: Readonly<Record<string, ArrayBufferView>>,
): Promise<ArrayBuffer> {
  const { device, memory } = gpu
  const alone = new BoundKernel(gpu, compiled, { P: ROWS }, contents)
  let readback: GPUBuffer | undefined
  try {
    const output = alone.buffers[compiled.kernel.bindings.findIndex(({ access }) => access === 'write')]
    if (!output) throw new SovitError('SHADER', `Kernel '${compiled.kernel.name}' writes nothing.`)
    readback = memory.create('check', output.size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST)
    const encoder = device.createCommandEncoder({ label: 'check' })
    alone.record(encoder)
    encoder.copyBufferToBuffer(output, 0, readback, 0, output.size)
    device.queue.submit([encoder.finish()])
    await readback.mapAsync(GPUMapMode.READ)
    return readback.getMappedRange().slice(0)
  } finally {
    alone.free()
    if (readback) memory.destroy(readback)
  }
}
