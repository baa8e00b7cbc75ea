// In the page: our encoder and onnxruntime-web side by side. See ort-web.ts.
import { VisionEncoder } from '../../../src/encoder.js'

/** As much of onnxruntime-web as is used here. */
interface Ort {
  readonly env: { readonly wasm: { numThreads: number } }
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => object
  readonly InferenceSession: {
    create(
      file: string,
      options: { executionProviders: string[] },
    ): Promise<{
      run(feeds: object, fetches: string[]): Promise<Record<string, { data: Float32Array }>>
    }>
  }
}

globalThis.openOurs = async (file, pixelFile, side) => {
  const encoder = await VisionEncoder.load(await (await fetch(file)).blob(), { precision: 'f32' })
  const extent = side * encoder.model.config.patch
  const pixels = { data: await floats(pixelFile), height: extent, width: extent }
  racers['sovit f32'] = {
    run: () => timed(() => encoder.encode({ pixels })),
    hidden: async () => base64((await encoder.encode({ pixels }, { hiddenStates: true })).hiddenStates?.at(-1)),
  }
}

globalThis.openOrt = async (name, file, rowFile, dims) => {
  const url = '/ort.webgpu.bundle.min.mjs'
  const ort = (await import(/* @vite-ignore */ url)) as Ort
  ort.env.wasm.numThreads = 1 // the page is not isolated, so there are no threads to have
  const session = await ort.InferenceSession.create(file, { executionProviders: ['webgpu'] })
  const rows = await floats(rowFile)
  const run = (output: string) => session.run({ rows: new ort.Tensor('float32', rows, dims) }, [output])
  racers[name] = {
    run: () => timed(() => run('tokens')),
    hidden: async () => base64((await run('hidden')).hidden?.data),
  }
}

globalThis.racers = {}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function floats(file: string): Promise<Float32Array> {
  return new Float32Array(await (await fetch(file)).arrayBuffer())
}

/** What the debugger hands to Node fastest. */
function base64(values: Float32Array = new Float32Array()): Promise<string> {
  return new Promise((resolve) => {
    const reader = new FileReader()
    reader.onload = () => resolve((reader.result as string).replace(/^[^,]*,/, ''))
    reader.readAsDataURL(new Blob([new Float32Array(values)]))
  })
}
