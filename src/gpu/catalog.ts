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

/** The kernels of one device: for each operation those it may run. Equal ones are the same object, compiled once. */
export class KernelCatalog {
  readonly #traits: KernelTraits
  readonly #family: KernelFamily
  readonly #known: Alternatives[] = []

  static async open(traits: KernelTraits): Promise<KernelCatalog> {
    return new KernelCatalog(traits, await kernelFamily(traits))
  }

  private constructor(traits: KernelTraits, family: KernelFamily) {
    this.#traits = traits
    this.#family = family
  }

  /** A kernel that exists in one form only. */
  only(kernel: Kernel): Alternatives {
    return this.#share([kernel])
  }

  matmul(spec: MatmulSpec): Alternatives {
    return this.#share(this.#family.matmul(spec))
  }

  attention(spec: AttentionSpec): Alternatives {
    return this.#share(this.#family.attention(spec))
  }

  patchEmbed(spec: PatchEmbedSpec): Alternatives {
    return this.#share(this.#family.patchEmbed(spec))
  }

  layerNorm(spec: LayerNormSpec): Alternatives {
    return this.only(layerNorm(spec))
  }

  /** Drops what the device has no room for, unless nothing is left: then compiling says what is missing. */
  #share(kernels: readonly Kernel[]): Alternatives {
    const { workgroupBytes, invocations } = this.#traits
    const fit = kernels.filter((one) => one.workgroupBytes <= workgroupBytes && one.invocations <= invocations)
    const [first, ...others] = fit.length > 0 ? fit : kernels
    if (!first) throw new SovitError('SHADER', 'There is no kernel for this step.')
    const known = this.#known.find(([one]) => isSame(one, first))
    if (known) return known
    const fresh: Alternatives = [first, ...others]
    this.#known.push(fresh)
    return fresh
  }
}

function isSame(a: Kernel, b: Kernel): boolean {
  return a.code === b.code && String(a.sizes) === String(b.sizes) && equal(a.dims, b.dims)
}

function equal(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}
