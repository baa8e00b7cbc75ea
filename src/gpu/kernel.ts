import { SovitError } from '../errors.js'

/** Element types of buffers as kernels see them. 16-bit weights and activations lie packed, two to a `u32`, int8 four. */
export type ElementType = 'f32' | 'f16' | 'bf16' | 'i8' | 'u32'

export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = { f32: 4, f16: 2, bf16: 2, i8: 1, u32: 4 }

/**
 * One buffer of a kernel. `shape` is symbolic: named letters are looked up in the kernel's own `dims` and in the sizes of
 * the run (`P` packed rows of all images, `T` tiles of an attention grid, …), numbers stand for themselves.
 */
export interface Binding {
  readonly name: string
  readonly access: 'read' | 'write' | 'read_write' | 'uniform'
  readonly type: ElementType
  readonly shape: readonly (string | number)[]
}

/** Sizes known only when a batch is known: `P` patches (rows) of all images together, `T` attention tiles, `A` pairs of
 * rows that attend to each other (each image's rows squared). */
export type RunSizes = Readonly<Record<string, number>>

/** A shader specialised for one use in a network: everything that is needed to compile and dispatch it. */
export interface Kernel {
  /** Base name of its WGSL file. */
  readonly name: string
  /** What tells it from other kernels that compute the same bits, e.g. its tile `64x64`; `''` where there is one only. */
  readonly variant: string
  /** Specialised WGSL. */
  readonly code: string
  /** Values of its `override` constants. */
  readonly constants: Readonly<Record<string, number>>
  /** Buffers of bind group 0, in the order of their `@binding` numbers. */
  readonly bindings: readonly Binding[]
  /** Sizes fixed when the kernel was specialised (K, N, C, …). */
  readonly dims: RunSizes
  /** Words 1 to 3 of its binding `size`, behind P: what tells texts apart that are the same, and compiled once. */
  readonly sizes?: readonly [number, number, number]
  /** Bytes of workgroup memory, and invocations of one workgroup: checked against the device's limits. */
  readonly workgroupBytes: number
  readonly invocations: number
  /** Attention only: query rows of one workgroup, by which its `tiles` are cut. */
  readonly queryTile?: number
  /** Workgroups to dispatch for the sizes of one run. */
  workgroups(run: RunSizes): readonly [number, number, number]
  /** Floating point operations of one dispatch (a multiply-add counts two), for bounding submits and for the bench. */
  flops(run: RunSizes): number
  /** Bytes that the workgroups of one dispatch ask of global memory, as if nothing were cached: what tiles are for. */
  bytes(run: RunSizes): number
  /** 32-bit accumulators that one thread keeps in registers. */
  readonly accumulators: number
}

/** Values that replace those of top-level `const` and `alias` declarations of a shader. */
export interface Specialisation {
  readonly consts?: Readonly<Record<string, string>>
  readonly aliases?: Readonly<Record<string, string>>
  /** Size of the subgroups that the shader demands; by default it takes what the device gives. */
  readonly subgroupSize?: number
}

/**
 * Specialises a WGSL file by replacing the values of top-level `const` and `alias` declarations, the only kind of
 * templating there is: the file compiles as it stands, before and after. An `f16` anywhere puts `enable f16;` in front,
 * a subgroup size its attribute before the entry point and what enables it in front: no device need know it otherwise.
 */
export function specialise(code: string, values: Specialisation): string {
  let out = code
  for (const [name, value] of Object.entries(values.consts ?? {})) {
    out = replaceOnce(out, new RegExp(`^(const ${name}(?:\\s*:[^=]+)?\\s*=\\s*)[^;]+;`, 'm'), value, name)
  }
  for (const [name, value] of Object.entries(values.aliases ?? {})) {
    out = replaceOnce(out, new RegExp(`^(alias ${name}\\s*=\\s*)[^;]+;`, 'm'), value, name)
  }
  if (values.subgroupSize !== undefined) {
    out = `enable subgroup_size_control;\n${out.replace('@compute', `@compute @subgroup_size(${values.subgroupSize})`)}`
  }
  const usesF16 = Object.values(values.aliases ?? {}).some((value) => /\bf16\b/.test(value))
  return usesF16 ? `enable f16;\n${out}` : out
}

function replaceOnce(code: string, pattern: RegExp, value: string, name: string): string {
  if (!pattern.test(code)) throw new SovitError('SHADER', `The shader declares no top-level '${name}' to specialise.`)
  return code.replace(pattern, (_match, head: string) => `${head}${value};`)
}

/** What a kernel's binding `size` holds for `rows`, its P. */
export function sizeTable(rows: number, { sizes = [0, 0, 0] }: Pick<Kernel, 'sizes'>): Uint32Array<ArrayBuffer> {
  return new Uint32Array([rows, ...sizes])
}

/** What is bound by the names of a kernel's bindings, in their order. */
export function boundTo<T>({ name, bindings }: Kernel, named: Readonly<Record<string, T | undefined>>): readonly T[] {
  return bindings.map((binding) => {
    const bound = named[binding.name]
    if (!bound) throw new SovitError('SHADER', `Kernel '${name}' binds '${binding.name}', which its step lacks.`)
    return bound
  })
}

/** Bytes of a binding for the sizes of one run, rounded up to whole 32-bit words. */
export function bindingBytes(binding: Binding, dims: RunSizes, run: RunSizes): number {
  let count = 1
  for (const size of binding.shape) {
    const value = typeof size === 'number' ? size : (dims[size] ?? run[size])
    if (value === undefined) throw new SovitError('SHADER', `Binding '${binding.name}' has the unknown size '${size}'.`)
    count *= value
  }
  return Math.ceil((count * ELEMENT_BYTES[binding.type]) / 4) * 4
}
