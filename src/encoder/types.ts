import type { ImageInput, PixelValues, Resample, SizeOption, WholeSize } from '../image/types.js'
import type { CacheOption, ModelSource, ProgressEvent, WeightCache, WeightManifest } from '../checkpoint/public.js'
import type { Arithmetic } from '../gpu/arithmetic.js'
import type { DeviceInfo, TuningStore } from '../gpu/types.js'
import type { StepTime } from '../graph/step-time.js'
import type { PositionMode } from '../model/positions.js'
import type { VisionConfig } from '../model/config.js'
import type { Family } from '../model/family.js'
import type { AbortSignal, Fetch, WebGpu, WebGpuBuffer, WebGpuDevice } from '../platform.js'

export type {
  Arithmetic,
  CacheOption,
  DeviceInfo,
  Family,
  ModelSource,
  PositionMode,
  StepTime,
  TuningStore,
  WeightCache,
  WeightManifest,
}

/** How operands and weights are stored on the device. Residual stream, norms, softmax and carried sums are f32 in both. */
export type Precision = 'f32' | 'f16'

/** How a checkpoint is found, checked, and brought to the device. All may be left out. */
export interface LoadOptions {
  /**
   * A caller's device: used, never destroyed. Its features and limits are those it was opened with. Default: one of the
   * encoder's own, with all that it can use.
   */
  readonly device?: WebGpuDevice
  /** The WebGPU entry point. Default `navigator.gpu`; in Node, Dawn's. */
  readonly gpu?: WebGpu
  /** `auto` (default) takes f16 where the device has `shader-f16` and every weight fits, else f32. */
  readonly precision?: Precision | 'auto'
  /**
   * How products are computed: `f32`, or `f16` (precision f16 only; sums of 16 products, carried into f32). `auto`
   * (default): `f16` in precision f16 on GPUs that do it faster.
   */
  readonly arithmetic?: Arithmetic | 'auto'
  /**
   * Whether tiles are chosen by measuring them on this device, for 0.3 s, the first time a large network is loaded; what
   * is not measured by then is measured at the next load. `true` (default) remembers the choice in the browser's Cache
   * API, if there is one, and takes a rule on software rasterisers; a store of your own may keep it instead, of small
   * networks and of rasterisers too. `false`: by rule. No choice changes a bit of the result.
   */
  readonly tuning?: boolean | TuningStore
  /** `auto` (default): as the family's own code maps them to a picture's grid. */
  readonly positions?: PositionMode | 'auto'
  /** Form of the GELU. `auto` (default): by config.json, else erf for timm's towers of patch 14, else tanh. */
  readonly gelu?: 'auto' | 'tanh' | 'erf'
  /** Blocks to run. `auto` (default): by config.json and the tensors. */
  readonly layers?: 'auto' | number
  /** Tensor naming. `auto` (default): recognised from the names. */
  readonly layout?: string
  /**
   * What is fetched beside the tower. `all` (default): what the checkpoint has of MAP head, resampler and mergers;
   * `none`: nothing, and a tower with a merger inside is run without it.
   */
  readonly heads?: 'all' | 'none'
  /**
   * MiniCPM-V 4.6 and later: `16x` merges 2×2 tokens within the tower and again behind it, `4x` behind it only. Default:
   * by config.json, else `16x`.
   */
  readonly merge?: '4x' | '16x'
  /** Revision of a hub repository. Default `main`. */
  readonly revision?: string
  /** Where `owner/repo` is looked for: a mirror, or a proxy that adds a token. Default `https://huggingface.co`. */
  readonly hubUrl?: string
  /**
   * Hashes that all weights must have (`sovit manifest` makes them): what differs is read once more, and then refused. NaN
   * and infinity are refused with or without.
   */
  readonly manifest?: WeightManifest
  /**
   * Where what http(s) brings is kept for the next load. `true` (default): files of the page's origin, or the Cache API, and a
   * folder in Node; a string: that folder, in Node only; `false`: nowhere; or an object like the browser's `Cache`. When it fails
   * (full, forbidden, damaged) an event of status `cache` says so once, and the network is read.
   */
  readonly cache?: CacheOption
  /** Replacement for the global `fetch`. In Node without one, HF_TOKEN is shown to the hub, and HF_ENDPOINT replaces it. */
  readonly fetch?: Fetch
  /** Told what the load does; what it throws fails the load. */
  readonly onProgress?: (event: ProgressEvent) => void
  /** Aborts the load with `ABORTED`. The chunks that it has fetched by then stay in the cache. */
  readonly signal?: AbortSignal
}

/** How pictures are cut and encoded, and what is returned of them. All may be left out. */
export interface EncodeOptions {
  /** Default 448: squash to 448×448. Ready pixel values are taken as they are, in one piece. */
  readonly size?: SizeOption
  /** Default: bicubic; for `{ naflex }`, and of SigLIP 2's checkpoints, bilinear. */
  readonly resample?: Resample
  /** Most slices of `minicpm-v`, besides the overview. Default 9. */
  readonly maxSlices?: number
  /**
   * Frames of videos (MiniCPM-V 4.5): one list for each group of pictures that the resampler turns into one set of queries,
   * with the number of each frame, or −1 where there is none. Default: each picture for itself.
   */
  readonly temporalIds?: readonly (readonly number[])[]
  /** Also return the residual stream after the embeddings and after every block, before the final norm. */
  readonly hiddenStates?: boolean
  /**
   * `gpu`: results stay on the device as buffers that the caller owns and destroys, the tokens' and each head's. Default
   * `cpu`.
   */
  readonly output?: 'cpu' | 'gpu'
  /** `none`: the tokens alone, without what the checkpoint's heads make of them. Default `all`. */
  readonly heads?: 'all' | 'none'
  /** Also measure the time on the device (needs `timestamp-query`). */
  readonly gpuTime?: boolean
  /** Aborts this call alone, with `ABORTED`. */
  readonly signal?: AbortSignal
}

/** Options with which a picture is one piece, and gives one encoding. */
export type WholeOptions = EncodeOptions & {
  /** Default 448. */
  readonly size?: WholeSize
}

/** Options with which a picture may be several pieces, each of which gives an encoding. */
export type SlicingOptions = EncodeOptions & {
  /** An overview and slices. */
  readonly size: 'minicpm-v'
}

/** Options of `profile`, as those of `encode`. */
export type ProfileOptions = Pick<EncodeOptions, 'size' | 'resample' | 'maxSlices' | 'signal'>

/** Visual tokens of one picture, or of a piece of it, in raster order, after the final norm. */
export interface Encoding {
  /** The tokens, [P, C], row-major. Empty when the output stays on the GPU. */
  readonly tokens: Float32Array
  /** P tokens of C channels. */
  readonly dims: readonly [number, number]
  /** Always f32, under the name that libraries of tensors have for it. */
  readonly type: 'float32'
  /** Tokens: [rows, columns], P = rows·columns. One a patch, but of MiniCPM-V 4.6 and later (`16x`) one of 2×2 patches. */
  readonly grid: readonly [number, number]
  /** [image of the call, row, column of the slice]; row and column are −1 for a whole picture, as an overview is. */
  readonly source: readonly [image: number, row: number, column: number]
  /** How positions were mapped. */
  readonly positions: PositionMode
  /** SigLIP's embedding of the whole picture, [C], where the checkpoint has a MAP head. */
  readonly pooled?: Features
  /** What the language model of MiniCPM-V reads, [Q, D], where the checkpoint has a resampler. */
  readonly resampled?: Features
  /** The same of MiniCPM-V 4.6 and later, [N, D], in raster order. */
  readonly merged?: Features
  /** L + 1 arrays of [P, C]: 0 the embeddings, l the output of block l. Only on request. */
  readonly hiddenStates?: readonly Float32Array[]
  /** The tokens on the device: f32, row-major, owned by the caller. Only with `output: 'gpu'`. */
  readonly buffer?: WebGpuBuffer
  /** Milliseconds on the device of the batch that the picture was part of. Only on request. */
  readonly gpuMs?: number
}

/** Numbers with their shape, as a `Tensor` of transformers.js takes them: `new Tensor(type, data, [...dims])`. */
export interface Features {
  /** Row-major. Empty when the output stays on the GPU. */
  readonly data: Float32Array
  /** Their shape. */
  readonly dims: readonly number[]
  /** Always f32, under the name that libraries of tensors have for it. */
  readonly type: 'float32'
  /** The same on the device, owned by the caller. Only with `output: 'gpu'`. */
  readonly buffer?: WebGpuBuffer
}

/** What a checkpoint turned out to be. */
export interface ModelInfo {
  /** What was loaded, as the caller named it. */
  readonly source: string
  /** How tensors are named: the prefix before the names of transformers (`vpm`, `vision_model`, …), `bare`, or `timm`. */
  readonly layout: string
  /** Whose rules pictures and positions follow. */
  readonly family: Family
  /** dtypes of the weights, e.g. `BF16` or `BF16+F32`. */
  readonly dtype: string
  /** The network in numbers. */
  readonly config: VisionConfig
}

/** What a load took. */
export interface LoadInfo {
  /** Milliseconds from the call to the ready encoder, without opening the device. */
  readonly ms: number
  /** Part of it, in milliseconds, that went into choosing kernels. */
  readonly tuneMs: number
  /** Bytes read from the source: headers, index, config and weights. Those of the cache do not count. */
  readonly fetchedBytes: number
  /** Bytes kept from earlier loads, which nobody had to send again. */
  readonly cachedBytes: number
  /** Bytes of weights as the checkpoint stores them. */
  readonly weightBytes: number
}

/** Whether the encoder can run here. */
export type Support =
  | {
      /** It can. */
      readonly ok: true
      /** On what. */
      readonly device: DeviceInfo
    }
  | {
      /** It cannot. */
      readonly ok: false
      /** Why: `NO_WEBGPU`, `NO_ADAPTER`, in workers also `WORKER`. */
      readonly code: string
      /** Why, and what would help, for people. */
      readonly message: string
    }

/** Ready pixel values ([3, height, width], normalised) of a picture, or of a piece of one that was cut before. */
export interface PixelInput {
  /** [3, height, width], normalised. */
  readonly pixels: PixelValues
  /** As an encoding of it will say. Default: a whole picture, by its place in the call. */
  readonly source?: Encoding['source']
}

/** A picture, or ready pixel values. */
export type EncodeInput = ImageInput | PixelInput
