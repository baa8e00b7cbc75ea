import type { DeviceInfo, Encoding, EncodeInput, EncodeOptions, LoadInfo, LoadOptions, ModelInfo, ModelSource, Precision, Support } from './encoder-types.js'

/** The SigLIP vision tower of MiniCPM-V on WebGPU. */
export class VisionEncoder {
  readonly model!: ModelInfo
  readonly device!: DeviceInfo
  readonly precision!: Precision
  readonly load!: LoadInfo
  /** Bytes of all live GPU buffers of this encoder: weights and arena. */
  get gpuBytes(): number {
    return 0
  }

  static async load(_source?: ModelSource, _options?: LoadOptions): Promise<VisionEncoder> {
    return Promise.resolve(new VisionEncoder())
  }

  static async support(_options?: { gpu?: GPU }): Promise<Support> {
    return Promise.resolve({ ok: false, code: 'NO_WEBGPU', message: '' })
  }

  encode(input: EncodeInput, options?: EncodeOptions): Promise<Encoding>
  encode(input: readonly EncodeInput[], options?: EncodeOptions): Promise<Encoding[]>
  async encode(_input: EncodeInput | readonly EncodeInput[], _options?: EncodeOptions): Promise<Encoding | Encoding[]> {
    return Promise.resolve([])
  }

  dispose(): void {
    return
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
