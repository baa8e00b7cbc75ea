import type { Kernel } from '../../src/gpu/kernel.js'
import { DIRECT_VARIANTS } from '../../src/gpu/kernels/attention-direct.js'
import {
  attention,
  ATTENTION_VARIANTS,
  type AttentionSpec,
  type AttentionVariant,
} from '../../src/gpu/kernels/attention.js'
import { DIRECT_TILE } from '../../src/gpu/kernels/matmul-direct.js'
import { F16_TILES, matmulF16 } from '../../src/gpu/kernels/matmul-f16.js'
import { matmul, MATMUL_TILES, type MatmulSpec, type MatmulTile } from '../../src/gpu/kernels/matmul.js'
import { attentionNaive } from '../../src/gpu/kernels/naive/attention.js'

/** Names of the tiles whose products are f32, and of all variants of attention. */
export const TILES = [DIRECT_TILE, ...MATMUL_TILES].map(({ variant }) => variant)
export const VARIANTS = [...ATTENTION_VARIANTS, ...DIRECT_VARIANTS].map(({ variant }) => variant)

function named<T extends { readonly variant: string }>(list: readonly T[], name: string): T {
  const found = list.find(({ variant }) => variant === name)
  if (!found) throw new Error(`there is no '${name}' among ${list.map(({ variant }) => variant).join()}`)
  return found
}

/** Kernels by the name of their variant, for tests that go through all of them. */
export function matmulOf({ tile = '64x64', ...spec }: MatmulSpec & { readonly tile?: string }): Kernel {
  return matmul(spec, named<MatmulTile>([DIRECT_TILE, ...MATMUL_TILES], tile))
}

export function matmulF16Of({ tile = '64x64', ...spec }: MatmulSpec & { readonly tile?: string }): Kernel {
  return matmulF16(spec, named(F16_TILES, tile))
}

type NamedAttention = AttentionSpec & { readonly variant?: string }

const variantOf = ({ variant = '4x4-32' }: NamedAttention): AttentionVariant =>
  named([...ATTENTION_VARIANTS, ...DIRECT_VARIANTS], variant)

export function attentionOf(spec: NamedAttention): Kernel {
  return attention(spec, variantOf(spec))
}

export function attentionNaiveOf(spec: NamedAttention): Kernel {
  return attentionNaive(spec, variantOf(spec))
}
