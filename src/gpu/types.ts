/** What the public face tells of devices. A file of its own, so that it declares nothing that needs WebGPU's own types. */

/** A device, as its adapter describes it. Browsers leave some of the names empty. */
export interface DeviceInfo {
  /** E.g. `nvidia`, `apple`, `mesa`. */
  readonly vendor: string
  /** Family of its hardware, e.g. `ampere`. */
  readonly architecture: string
  /** In the driver's words. */
  readonly description: string
  /** Features that the encoder uses or could use. */
  readonly features: readonly string[]
  /** A software rasteriser: correct, slow, and no measure of any GPU. */
  readonly software: boolean
  /** Matrix units, where the device was opened with them: an experimental feature that browsers have not shipped. */
  readonly matrixUnits: MatrixUnits | null
}

/** One shape of matrices that a subgroup multiplies at once: result[M,N] += left[M,K] · right[K,N]. */
export interface MatrixConfig {
  /** Element type of both operands. */
  readonly component: 'f32' | 'f16'
  /** Element type of the sum. */
  readonly result: 'f32' | 'f16'
  /** Rows of the result. */
  readonly M: number
  /** Columns of the result. */
  readonly N: number
  /** Terms of each sum. */
  readonly K: number
}

/** What multiplies matrices on a device, and how its invocations are grouped for that. */
export interface MatrixUnits {
  /** Invocations of the subgroups that kernels get; null where that cannot be known, so that no kernel can count on it. */
  readonly lanes: number | null
  /** The device has several sizes: kernels must demand theirs. */
  readonly demand: boolean
  /** Invocations of the largest subgroup: a workgroup's x must be a multiple of it. */
  readonly largest: number
  /** Floating point shapes, in the adapter's order; at least one. */
  readonly configs: readonly MatrixConfig[]
}

/** What a kernel on matrices must know of them. */
export interface MatrixShape extends MatrixConfig {
  /** Invocations of a subgroup. */
  readonly lanes: number
  /** Whether the shader must demand subgroups of `lanes`. */
  readonly demand: boolean
  /** What a workgroup's x must be a multiple of. */
  readonly largest: number
}

/** Where choices of kernels are kept between loads: a few hundred bytes a device and network. Failures do no harm. */
export interface TuningStore {
  /** Small networks, and software rasterisers, are not measured for it, but run by rule. Default: all are measured. */
  readonly largeOnly?: boolean
  /** What was set, or null. */
  get(key: string): Promise<string | null>
  /** Remembers it. */
  set(key: string, value: string): Promise<void>
}
