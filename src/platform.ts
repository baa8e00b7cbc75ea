/**
 * The platform's types as the user's own compiler knows them. WebGPU's come with TypeScript 7, before that with
 * `@webgpu/types`; a page's with `lib.dom`; Node's own with `@types/node`; and whoever encodes pictures on a default device
 * needs none of them. Names that nobody declares would be errors in our declarations, and names that we declared would
 * clash with theirs: so each is looked up, and what stands for it where it is missing says the little that a user needs.
 * Public declarations name the platform's types in no other way.
 */

/** Instances of a global class, or `Otherwise` where there is none of that name. */
type Instance<Name extends string, Otherwise> =
  typeof globalThis extends Record<Name, { prototype: infer Type }> ? Type : Otherwise

/** `navigator.gpu`, or another `GPU`. */
export type WebGpu = Instance<'GPU', { requestAdapter(options?: object): Promise<object | null> }>

/** A `GPUDevice`. */
export type WebGpuDevice = Instance<'GPUDevice', { readonly queue: object; destroy(): void }>

/** A `GPUBuffer`. */
export type WebGpuBuffer = Instance<
  'GPUBuffer',
  {
    readonly size: number
    mapAsync(mode: number, offset?: number, size?: number): Promise<undefined>
    getMappedRange(offset?: number, size?: number): ArrayBuffer
    unmap(): void
    destroy(): void
  }
>

// Those below keep their names, and are imported over the global ones: code and reference read as if there were no lookup.
// Who has no such class has no such picture, file or worker to pass: of what only goes in, `never` stands for it.

export type Blob = Instance<'Blob', never>
export type File = Instance<'File', never>
export type FileList = Instance<'FileList', never>
export type HTMLCanvasElement = Instance<'HTMLCanvasElement', never>
export type HTMLImageElement = Instance<'HTMLImageElement', never>
export type ImageBitmap = Instance<'ImageBitmap', never>
export type ImageData = Instance<'ImageData', never>
export type OffscreenCanvas = Instance<'OffscreenCanvas', never>
export type VideoFrame = Instance<'VideoFrame', never>
export type Worker = Instance<'Worker', never>

export type AbortSignal = Instance<'AbortSignal', { readonly aborted: boolean; readonly reason: unknown }>
export type Event = Instance<'Event', object>
export type Request = Instance<'Request', { readonly url: string }>
export type Response = Instance<'Response', object>
export type URL = Instance<'URL', { readonly href: string }>

/** The type of the global `fetch`. */
export type Fetch =
  typeof globalThis extends Record<'fetch', infer Type>
    ? Type
    : (input: string | URL | Request, init?: object) => Promise<Response>

/** What is moved to another thread, of all that lib.dom's type of this name allows. */
export type Transferable = ArrayBuffer | ImageBitmap | VideoFrame
