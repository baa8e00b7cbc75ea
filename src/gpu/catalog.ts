import { SovitError } from '../errors.js'
import type { Arithmetic } from './arithmetic.js'
import { kernelFamily, type KernelFamily } from './families.js'
import type { Kernel } from './kernel.js'
import type { MatrixShape } from './types.js'
import type { AttentionSpec } from './kernels/attention.js'
import { layerNorm, type LayerNormSpec } from './kernels/layer-norm.js'
import type { MatmulSpec } from './kernels/matmul.js'
import type { PatchEmbedSpec } from './kernels/patch-embed.js'

/** Kernels that compute the same bits, of which a device runs one fastest. The first is the best guess. */
export type Alternatives = readonly [Kernel, ...Kernel[]]

/** What decides which kernels a device runs. */
export interface KernelTraits {
  readonly arithmetic: Arithmetic
  /** A software rasteriser prefers other tiles than a GPU. */
  readonly software: boolean
  /** Invocations of a subgroup, at least, where the device tells: rasterisers have 4 or 8. */
  readonly lanes?: number
  /** The matrices of arithmetic `matrix`. */
  readonly matrix: MatrixShape | null
  /** Bytes of workgroup memory, and invocations of a workgroup, that the device allows. */
  readonly workgroupBytes: number
  readonly invocations: number
}

/** The kernels of one device: for each operation those it may run. Those of equal specs are the same objects, made and compiled once. */
export class KernelCatalog {
  readonly #traits: KernelTraits
  readonly #family: KernelFamily
  readonly #known: { readonly make: unknown; readonly spec: object; readonly alternatives: Alternatives }[] = []

  static async open(traits: KernelTraits): Promise<KernelCatalog> {
    return new KernelCatalog(traits, await kernelFamily(traits))
  }

  private constructor(traits: KernelTraits, family: KernelFamily) {
    this.#traits = traits
    this.#family = family
  }

  matmul(spec: MatmulSpec): Alternatives {
    return this.of(this.#family.matmul, spec)
  }

  attention(spec: AttentionSpec): Alternatives {
    return this.of(this.#family.attention, spec)
  }

  patchEmbed(spec: PatchEmbedSpec): Alternatives {
    return this.of(this.#family.patchEmbed, spec)
  }

  layerNorm(spec: LayerNormSpec): Alternatives {
    return this.of(layerNorm, spec)
  }

  /** What `make` makes, of one form or several. A layer has the kernels of the one before. */
  of<S extends object>(make: (spec: S) => Kernel | readonly Kernel[], spec: S): Alternatives {
    const known = this.#known.find((one) => one.make === make && equal(one.spec, spec))
    if (known) return known.alternatives
    const alternatives = this.#fitting([make(spec)].flat())
    this.#known.push({ make, spec, alternatives })
    return alternatives
  }

  /** Drops what the device has no room for, unless nothing is left: then compiling says what is missing. */
  #fitting(kernels: readonly Kernel[]): Alternatives {
    const { workgroupBytes, invocations } = this.#traits
    const fit = kernels.filter((one) => one.workgroupBytes <= workgroupBytes && one.invocations <= invocations)
    const [first, ...others] = fit.length > 0 ? fit : kernels
    if (!first) throw new SovitError('SHADER', 'There is no kernel for this step.')
    return [first, ...others]
  }
}

/** Specs hold numbers and words. */
function equal(a: object, b: object): boolean {
  const entries = Object.entries(a)
  const others = new Map<string, unknown>(Object.entries(b))
  return entries.length === others.size && entries.every(([name, value]) => others.get(name) === value)
}
