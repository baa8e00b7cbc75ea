import type { VisionEncoder } from '../encoder.js'
import type { Arithmetic, DeviceInfo, Encoding, LoadInfo, ModelInfo, Precision } from '../encoder/types.js'
import type { ProgressEvent } from '../checkpoint/types.js'
import type { TowerOptions } from './runtime.js'

/**
 * Functions that Playwright sends to the page as source text: each must stand alone, with no import and no helper
 * from outside its braces. Errors are returned, because a thrown one would lose its code on the way.
 */

export interface Failure {
  readonly code: string
  readonly message: string
}

export interface LoadRequest {
  /** Address of the built library. */
  readonly library: string
  readonly model: string
  readonly tower: TowerOptions
}

export interface LoadedEncoder {
  readonly encoder?: VisionEncoder
  readonly failure?: Failure
}

export async function loadInPage({ library, model, tower }: LoadRequest): Promise<LoadedEncoder> {
  try {
    const sovit = (await import(/* @vite-ignore */ library)) as { VisionEncoder: typeof VisionEncoder }
    const page = globalThis as unknown as { sovitProgress: (event: ProgressEvent) => void }
    const onProgress = (event: ProgressEvent): void => page.sovitProgress(event)
    return { encoder: await sovit.VisionEncoder.load(new URL(model), { ...tower, cache: false, onProgress }) }
  } catch (error) {
    const { code = 'UNEXPECTED', message } = error as Partial<Failure> & Error
    return { failure: { code, message } }
  }
}

interface PagePicture {
  readonly url: string
  readonly width: number
  readonly height: number
  readonly source?: Encoding['source']
}

export interface EncodeRequest {
  readonly pictures: readonly PagePicture[]
  readonly hiddenStates: boolean
  readonly repeat: number | undefined
  /** Where arrays are posted: `{results}{i}/tokens`, those of heads by their names, `{results}{i}/{layer}`. */
  readonly results: string
}

export interface PageReport {
  readonly model: ModelInfo
  readonly device: DeviceInfo
  readonly precision: Precision
  readonly arithmetic: Arithmetic
  readonly load: LoadInfo
  readonly gpuBytes: number
  readonly encodings: readonly PageEncoding[]
  readonly ms: readonly number[]
  readonly gpuMs: readonly number[] | null
}

/** An encoding without its numbers, which are posted. */
export type PageEncoding = Pick<Encoding, 'dims' | 'type' | 'grid' | 'source' | 'positions'> & {
  readonly layers: number
  /** Shapes of what heads gave. */
  readonly heads: Readonly<Partial<Record<'pooled' | 'resampled' | 'merged', readonly number[]>>>
}

export async function encodeInPage(
  { encoder }: LoadedEncoder,
  { pictures, hiddenStates, repeat, results }: EncodeRequest,
): Promise<PageReport | { readonly failure: Failure }> {
  try {
    if (!encoder) throw new Error('No encoder was loaded.')
    const inputs = await Promise.all(
      pictures.map(async ({ url, width, height, source }) => {
        const bytes = await (await fetch(url)).arrayBuffer()
        return { pixels: { width, height, data: new Float32Array(bytes) }, source }
      }),
    )
    const gpuTime = encoder.device.features.includes('timestamp-query')
    const ms: number[] = []
    const gpuMs: number[] = []
    const run = async () => {
      const start = performance.now()
      const encodings = await encoder.encode(inputs, { hiddenStates, gpuTime })
      ms.push(performance.now() - start)
      gpuMs.push(encodings[0]?.gpuMs ?? 0)
      return encodings
    }
    let encodings = await run()
    if (repeat !== undefined) ms.length = gpuMs.length = 0
    for (let i = 0; i < (repeat ?? 0); i++) encodings = await run()
    const { model, device, precision, arithmetic, load, gpuBytes } = encoder
    const shapes: PageReport['encodings'][number][] = []
    for (const [
      i,
      { tokens, hiddenStates: states = [], pooled, resampled, merged, ...encoding },
    ] of encodings.entries()) {
      const post = (name: string, body: Float32Array) =>
        fetch(`${results}${i}/${name}`, { method: 'POST', body: body as Float32Array<ArrayBuffer> })
      await post('tokens', tokens)
      for (const [layer, state] of states.entries()) await post(String(layer), state)
      const heads: Record<string, readonly number[]> = {}
      for (const [name, head] of Object.entries({ pooled, resampled, merged })) {
        if (!head) continue
        await post(name, head.data)
        heads[name] = head.dims
      }
      const { dims, type, grid, source, positions } = encoding
      shapes.push({ dims, type, grid, source, positions, layers: states.length, heads })
    }
    const times = { ms, gpuMs: gpuTime ? gpuMs : null }
    return { model, device, precision, arithmetic, load, gpuBytes, encodings: shapes, ...times }
  } catch (error) {
    const { code = 'UNEXPECTED', message } = error as Partial<Failure> & Error
    return { failure: { code, message } }
  }
}
