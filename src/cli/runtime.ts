import type { ProgressEvent } from '../checkpoint/types.js'
import type {
  Arithmetic,
  DeviceInfo,
  Encoding,
  LoadInfo,
  LoadOptions,
  ModelInfo,
  PixelInput,
  Precision,
} from '../encoder/types.js'
import type { ModelRef } from './model-ref.js'

export type TowerOptions = Pick<
  LoadOptions,
  'precision' | 'arithmetic' | 'positions' | 'gelu' | 'layers' | 'layout' | 'heads' | 'merge' | 'manifest'
> & {
  readonly tuning: boolean
}

export interface EncodeJob {
  readonly model: ModelRef
  readonly tower: TowerOptions
  /** Of Node; the profile of a headless page is gone with it. */
  readonly cache: boolean | string
  readonly pictures: readonly PixelInput[]
  readonly hiddenStates: boolean
  /** Timed runs after one warm-up run; undefined: one cold run. */
  readonly repeat: number | undefined
  readonly onProgress: (event: ProgressEvent) => void
  readonly signal: AbortSignal
}

export interface EncodeReport {
  readonly model: ModelInfo
  readonly device: DeviceInfo & { readonly backend: string }
  readonly precision: Precision
  readonly arithmetic: Arithmetic
  readonly load: LoadInfo & {
    readonly gpuBytes: number
    /** JavaScript heap and array buffers at their peak during load. */
    readonly peakHostBytes: number
  }
  /** One a picture, of the last run. */
  readonly encodings: readonly Encoding[]
  /** Wall time of each run: upload of pixels to tokens read back. */
  readonly ms: readonly number[]
  /** Time of each run on the device; null where it has no timestamps. */
  readonly gpuMs: readonly number[] | null
}

/** A place where WebGPU runs. */
export interface Runtime {
  readonly name: 'node' | 'chromium'
  encode(job: EncodeJob): Promise<EncodeReport>
  close(): Promise<void>
}

export const RUNTIMES = ['auto', 'node', 'chromium'] as const
