/** Names that snippets of this guide use without making them, so that all of it can be type-checked. */

/** A picture of yours: a File of an input, a Blob, an element, an address, … */
declare const picture: Blob
/** What your page does with progress, features, and whether there is WebGPU. */
declare function show(what: unknown): void

/** The part of transformers.js that is used, as its version 4.3 declares it. */
declare module '@huggingface/transformers' {
  export class Tensor {
    constructor(type: 'float32', data: Float32Array, dims: number[])
  }
}

/** Its types are those of onnxruntime-common. */
declare module 'onnxruntime-web/webgpu' {
  export * from 'onnxruntime-common'
}
