/**
 * WebGPU's types as the user's own compiler knows them. They come with TypeScript 7, before that with `@webgpu/types`, and
 * whoever encodes pictures on a default device needs neither. Names that nobody declares would be errors in our
 * declarations, and names that we declared would clash with theirs: so each is looked up, and what stands for it where it
 * is missing says the little that a user needs. Public declarations name WebGPU's types in no other way.
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
